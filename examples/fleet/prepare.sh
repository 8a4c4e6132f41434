#!/bin/sh
# Makes what the hosts of a fleet have in common, unless it is there already:
#
#     prepare.sh FLEET USERS
#
#     FLEET/secret                the secret of the fleet
#     FLEET/engine.cf, password   how tlsmgr reaches the engine
#     FLEET/tls.pem               key and certificate of smtpd
#     USERS/users.acl             the same password, and rights, for Redis
set -eu
umask 077
fleet=$1
users=$2
example=$(dirname "$0")

[ -e "$fleet/secret" ] || tlsmgr fleet-secret "$fleet/secret"

if ! [ -e "$fleet/password" ]; then
  openssl rand -hex 32 > "$fleet/password"
fi
sed "s,FLEET,$fleet," "$example/engine.cf" > "$fleet/engine.cf"

# Redis isn't root in its container.
sed "s,PASSWORD,$(cat "$fleet/password")," "$example/users.acl" > "$users/users.acl"
chmod 755 "$users"
chmod 644 "$users/users.acl"

if ! [ -e "$fleet/tls.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj /CN=mx.example.net -keyout "$fleet/key.pem" -out "$fleet/cert.pem" 2> /dev/null
  cat "$fleet/key.pem" "$fleet/cert.pem" > "$fleet/tls.pem"
  rm "$fleet/key.pem" "$fleet/cert.pem"
fi
