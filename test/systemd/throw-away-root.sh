#!/bin/sh
# Runs a command on a throw-away copy of a root file system: what it writes is
# kept in memory, and is gone afterwards. With WRITABLE=yes it is no copy.
#
#     unshare --mount --pid --fork ... throw-away-root.sh LOWER SCRATCH COMMAND...
#
# LOWER is the root of the file system. SCRATCH is an empty folder to build on. BINDS holds lines of "FROM TO": folders
# and files that are needed inside, and lie on other file systems perhaps.
# CONTROL_GROUPS=yes gives it control groups, and needs --cgroup.
set -e
lower=$1
scratch=$2
shift 2

# In a network of its own it is down. Without ip(8) it stays so.
ip link set lo up || true
mount --make-rprivate /
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/written" "$scratch/work" "$scratch/root"
root=$scratch/root
if [ -n "$WRITABLE" ]; then
  mount --bind "$lower" "$root"
else
  mount -t overlay overlay \
    -o "lowerdir=$lower,upperdir=$scratch/written,workdir=$scratch/work" "$root"
fi

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
# Settings of the kernel are everybody's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
[ -z "$CONTROL_GROUPS" ] || mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"

echo "$BINDS" | while read -r from to; do
  [ -n "$from" ] || continue
  if [ -d "$from" ]; then
    mkdir -p "$root$to"
  else
    mkdir -p "$root${to%/*}"
    : > "$root$to"
  fi
  mount --bind "$from" "$root$to"
done

mkdir "$scratch/root/.before"
cd "$root"
pivot_root . .before
umount -l /.before
rmdir /.before
unset BINDS WRITABLE CONTROL_GROUPS
exec "$@"
