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
missing_programs=
missing_packages=
for pair in nft:nftables ip:iproute2 bird:bird2 openssl:openssl unshare:util-linux nsenter:util-linux \
  curl:curl arping:arping ping:iputils-ping tcpdump:tcpdump conntrack:conntrack iptables-save:iptables \
  ndisc6:ndisc6 bgpd:frr gobgpd:gobgpd exabgp:exabgp; do
  program=${pair%%:*}
  package=${pair#*:}
  if ! command -v "$program" > /dev/null 2>&1; then
    missing_programs="$missing_programs $program"
    case " $missing_packages " in *" $package "*) ;; *) missing_packages="$missing_packages $package" ;; esac
  fi
done
if [ -n "$missing_programs" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null 2>&1; then
    echo "setup: installing$missing_packages" >&2
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
    if ! apt-get install -y --no-install-recommends $missing_packages > "$log" 2>&1; then
      if ! { apt-get update && apt-get install -y --no-install-recommends $missing_packages; } > "$log" 2>&1; then
        tail -5 "$log" >&2
        rm -f "$log"
        echo "setup: apt could not install$missing_packages" >&2
        exit 1
      fi
    fi
    rm -f "$log"
    # Nor after its next start.
    for service in bird frr gobgpd exabgp; do
      case "$missing_packages " in
        *" ${service}"[2\ ]*)
          if command -v systemctl > /dev/null 2>&1; then
            systemctl disable "$service" > /dev/null 2>&1 || true
          fi
          ;;
      esac
    done
  else
    echo "setup: missing programs:$missing_programs; install the packages$missing_packages and run this again" >&2
    exit 1
  fi
fi
