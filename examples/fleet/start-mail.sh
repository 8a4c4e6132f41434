#!/bin/sh
# Starts a mail host of the fleet in its container.
set -eu
postconf -e \
  smtpd_tls_chain_files=/etc/tlsmgr-fleet/tls.pem \
  tlsmgr_ticket_keys=shared \
  tlsmgr_fleet_secret_file=/etc/tlsmgr-fleet/secret \
  tlsmgr_fleet_engine=redis:/etc/tlsmgr-fleet/engine.cf
exec postfix start-fg
