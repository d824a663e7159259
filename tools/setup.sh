#!/bin/sh
# Makes a fresh clone runnable: npm packages (Node 24 among them) and, where it may, the system packages that the
# lab and the tests drive. Quick when there is nothing to do. Everything is found by name; nothing is downloaded by
# other means than npm and apt.
set -eu
cd "$(dirname "$0")/.."

# --- npm packages: again whenever the lock file changed
lock=$(cksum < package-lock.json)
if [ ! -x node_modules/.bin/node ] || [ "$(cat node_modules/.fairlead-setup 2>/dev/null)" != "$lock" ]; then
  echo "setup: installing npm packages" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  if [ ! -x node_modules/.bin/node ]; then
    echo "setup: npm has no Node 24 for this machine ($(uname -sm)); Linux on x86-64 or arm64 is needed" >&2
    exit 1
  fi
  echo "$lock" > node_modules/.fairlead-setup
fi

# --- system packages: program:package, only what is missing
# FRR keeps its daemons out of the PATH.
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/frr
# What the lab and the tests drive, and the routers that only the tests of BGP meet.
needed="nft:nftables ip:iproute2 bird:bird2 openssl:openssl unshare:util-linux nsenter:util-linux \
  curl:curl arping:arping ping:iputils-ping tcpdump:tcpdump conntrack:conntrack iptables-save:iptables \
  ndisc6:ndisc6"
routers="bgpd:frr gobgpd:gobgpd exabgp:exabgp"

# The packages of those program:package pairs whose program is not there.
missing() {
  packages=
  for pair in "$@"; do
    if ! command -v "${pair%%:*}" > /dev/null 2>&1; then
      case " $packages " in *" ${pair#*:} "*) ;; *) packages="$packages ${pair#*:}" ;; esac
    fi
  done
  echo "$packages"
}

# shellcheck disable=SC2086
needed=$(missing $needed)
# shellcheck disable=SC2086
routers=$(missing $routers)
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null 2>&1; then
  if [ -n "$needed" ]; then
    echo "setup: install the packages$needed and run this again" >&2
    exit 1
  fi
  [ -z "$routers" ] || echo "setup: without the packages$routers some tests with live routers are left out" >&2
elif [ -n "$needed$routers" ]; then
  echo "setup: installing$needed$routers" >&2
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # The routing daemons are for the lab and the tests to start, in namespaces: never as services of this machine.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
  fi
  # The package lists of a fresh machine may be empty or old, so they are read anew only when needed.
  # shellcheck disable=SC2086
  if ! apt-get install -y --no-install-recommends $needed $routers > "$log" 2>&1; then
    if ! { apt-get update && apt-get install -y --no-install-recommends $needed $routers; } > "$log" 2>&1; then
      tail -5 "$log" >&2
      rm -f "$log"
      echo "setup: apt could not install$needed$routers" >&2
      exit 1
    fi
  fi
  rm -f "$log"
  # Nor after its next start.
  if command -v systemctl > /dev/null 2>&1; then
    for service in bird frr gobgpd exabgp; do
      case "$needed$routers " in
        *" $service "* | *" ${service}2 "*) systemctl disable "$service" > /dev/null 2>&1 || true ;;
      esac
    done
  fi
fi
