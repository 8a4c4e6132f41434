# bash completion for tlsmgr
# Made by "npm run completions" from the table of verbs: do not edit.

_tlsmgr_words() {
  local IFS=$'\n'
  COMPREPLY+=($(IFS=' '; compgen -W "$1" -- "$cur"))
}

# The caches of Postfix, and those that main.cf adds.
_tlsmgr_caches() {
  _tlsmgr_words "smtpd smtp lmtp $("${COMP_WORDS[0]}" config tlsmgr_session_caches 2> /dev/null |
    sed -e 's/^[^=]*=//' -e 's/  # .*//' | tr -s ', ' '\n' | grep -vx -e smtpd -e smtp -e lmtp | tr '\n' ' ')"
}

# What stands behind an option.
_tlsmgr_value() {
  local IFS=$'\n'
  done=yes
  case $1 in
    DIR) COMPREPLY=($(compgen -d -- "$cur")) ;;
    FILE | PATH | SOCKET) COMPREPLY=($(compgen -f -- "$cur")) ;;
    NAME=VALUE)
      COMPREPLY=($(IFS=' '; compgen -S = -W "$parameters" -- "$cur"))
      compopt -o nospace 2> /dev/null
      ;;
  esac
  [ "$1" = NAME=VALUE ] || compopt -o filenames 2> /dev/null
}

# How many words that are no options stand between the verb and the cursor.
_tlsmgr_place() {
  local index count=0 skip=
  for ((index = 2; index < COMP_CWORD; index++)); do
    if [ -n "$skip" ]; then
      skip=
    elif [[ " $takers " == *" ${COMP_WORDS[index]} "* ]]; then
      skip=yes
    elif [[ ${COMP_WORDS[index]} != -* ]]; then
      count=$((count + 1))
    fi
  done
  echo "$count"
}

_tlsmgr() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local options= takers= done=
  local parameters='smtpd_tls_session_cache_timeout smtpd_tls_session_cache_database smtpd_tls_session_cache_size_limit smtpd_tls_session_cache_entry_limit smtpd_tls_loglevel smtp_tls_session_cache_timeout smtp_tls_session_cache_database smtp_tls_session_cache_size_limit smtp_tls_session_cache_entry_limit smtp_tls_loglevel lmtp_tls_session_cache_timeout lmtp_tls_session_cache_database lmtp_tls_session_cache_size_limit lmtp_tls_session_cache_entry_limit lmtp_tls_loglevel tlsmgr_session_caches tlsmgr_session_cache_persistent tlsmgr_session_cache_key_file tls_random_source tls_random_bytes tls_random_exchange_name tls_random_prng_update_period tls_random_reseed_period tlsmgr_egd_listen tlsmgr_protocol_announcement tlsmgr_transport tlsmgr_request_size_limit tlsmgr_request_time_limit tlsmgr_connection_limit tlsmgr_metrics_listen tlsmgr_ticket_keys tlsmgr_fleet_secret_file tlsmgr_fleet_engine tlsmgr_fleet_caches tlsmgr_fleet_key_set tlsmgr_fleet_host data_directory daemon_timeout syslog_facility syslog_name config_directory queue_directory daemon_directory default_database_type maillog_file smtputf8_enable myhostname mail_owner setgid_group default_privs postlog_service_name compatibility_level inet_protocols multi_instance_directories multi_instance_group multi_instance_name maillog_file_prefixes maillog_file_compressor maillog_file_rotate_suffix maillog_file_permissions mydomain mail_name export_environment import_environment debug_peer_list multi_instance_wrapper max_use debug_peer_level multi_instance_enable max_idle ipc_timeout ipc_idle ipc_ttl mail_version'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _tlsmgr_words 'serve status list show delete flush seed config check install uninstall fleet-secret bench help version --help --version'
    return
  fi
  case ${COMP_WORDS[1]} in
    serve)
      options='--socket -c --config -o --option --mode --group -v --verbose -h --help'
      takers='--socket -c --config -o --option --mode --group'
      case $prev in
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
        -o | --option) _tlsmgr_value 'NAME=VALUE' ;;
        --mode) _tlsmgr_value 'MODE' ;;
        --group) _tlsmgr_value 'GROUP' ;;
      esac
      ;;
    status)
      options='--json --nagios --watch --interval --ticket --socket -c --config -h --help'
      takers='--interval --ticket --socket -c --config'
      case $prev in
        --interval) _tlsmgr_value 'SECONDS' ;;
        --ticket) _tlsmgr_value 'FILE' ;;
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      ;;
    list)
      options='--limit --json --socket -c --config -h --help'
      takers='--limit --socket -c --config'
      case $prev in
        --limit) _tlsmgr_value 'N' ;;
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_caches ;;
      esac
      ;;
    show)
      options='--json --socket -c --config -h --help'
      takers='--socket -c --config'
      case $prev in
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_caches ;;
      esac
      ;;
    delete)
      options='--socket -c --config -h --help'
      takers='--socket -c --config'
      case $prev in
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_caches ;;
      esac
      ;;
    flush)
      options='--socket -c --config -h --help'
      takers='--socket -c --config'
      case $prev in
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_caches ;;
      esac
      ;;
    seed)
      options='--socket -c --config -h --help'
      takers='--socket -c --config'
      case $prev in
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      ;;
    config)
      options='--json -c --config -o --option -h --help'
      takers='-c --config -o --option'
      case $prev in
        -c | --config) _tlsmgr_value 'DIR' ;;
        -o | --option) _tlsmgr_value 'NAME=VALUE' ;;
      esac
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        *) _tlsmgr_words "$parameters" ;;
      esac
      ;;
    check)
      options='--json -c --config -o --option --socket -h --help'
      takers='-c --config -o --option --socket'
      case $prev in
        -c | --config) _tlsmgr_value 'DIR' ;;
        -o | --option) _tlsmgr_value 'NAME=VALUE' ;;
        --socket) _tlsmgr_value 'PATH' ;;
      esac
      ;;
    install)
      options='--dry-run -y --yes -c --config -o --option --node --wait -h --help'
      takers='-c --config -o --option --node --wait'
      case $prev in
        -c | --config) _tlsmgr_value 'DIR' ;;
        -o | --option) _tlsmgr_value 'NAME=VALUE' ;;
        --node) _tlsmgr_value 'FILE' ;;
        --wait) _tlsmgr_value 'SECONDS' ;;
      esac
      ;;
    uninstall)
      options='--dry-run -y --yes -c --config --wait -h --help'
      takers='-c --config --wait'
      case $prev in
        -c | --config) _tlsmgr_value 'DIR' ;;
        --wait) _tlsmgr_value 'SECONDS' ;;
      esac
      ;;
    fleet-secret)
      options='--rotate --force -h --help'
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_value FILE ;;
      esac
      ;;
    bench)
      options='--against --rounds --json --socket -c --config -h --help'
      takers='--against --rounds --socket -c --config'
      case $prev in
        --against) _tlsmgr_value 'SOCKET' ;;
        --rounds) _tlsmgr_value 'N' ;;
        --socket) _tlsmgr_value 'PATH' ;;
        -c | --config) _tlsmgr_value 'DIR' ;;
      esac
      ;;
    help)
      options='-h --help'
      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in
        0) _tlsmgr_words 'serve status list show delete flush seed config check install uninstall fleet-secret bench' ;;
      esac
      ;;
    version)
      options='-h --help'
      ;;
  esac
  [ -n "$done" ] || case $cur in
    -*) _tlsmgr_words "$options" ;;
  esac
}

complete -F _tlsmgr tlsmgr
