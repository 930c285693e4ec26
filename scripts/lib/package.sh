# shellcheck shell=sh disable=SC2034
# Debian packages, for the scripts beside: sourced, never run.

PACKAGES_TO_BUILD="gcc libc6-dev make cmake pkg-config libprotobuf-c-dev protobuf-c-compiler
    libyaml-dev libmaxminddb-dev libpcap-dev libjansson-dev libmicrohttpd-dev libnats-dev
    libcurl4-openssl-dev liblz4-dev libzstd-dev zlib1g-dev"
PACKAGES_TO_PACK="dpkg-dev file"
PACKAGES_TO_TEST="libcmocka-dev python3 clang-format valgrind nats-server openssl
    mandoc groff systemd iproute2 debootstrap lintian
    protobuf-compiler python3-protobuf jq systemd-container"
PACKAGES_OF_EXPORTERS="softflowd pmacct"
PACKAGES_OF_PEERS="nfdump nfdump-sflow pmacct nats-server"
PACKAGES_OF_STACK="docker-compose curl"

package_missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
            installed) ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

# package_install NAME...: installs what is missing; a second call with the same names is quick.
package_install() {
    missing=$(package_missing "$@")
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "install these packages first, or run this as root or with sudo: $missing" >&2
            return 1
        fi
        as_root=sudo
    fi
    echo "installing, without starting their services: $missing"
    $as_root apt-get update -q >/dev/null
    package_without_services $missing
}

# Debian starts the services of what it installs, unless this file says no; one that is there already
# is somebody's own word.
package_without_services() {
    policy=/usr/sbin/policy-rc.d
    made=no
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
        made=yes
    fi
    status=0
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "$@" >/dev/null || status=$?
    [ $made = no ] || $as_root rm -f $policy
    return $status
}

# package_unpack NAME FOLDER: a package's files below a folder. Nothing is installed, so that no
# service of it is started.
package_unpack() {
    [ ! -d "$2" ] || return 0
    downloaded=$(mktemp -d)
    mkdir -p "$2"
    if (cd "$downloaded" && apt-get download "$1" >/dev/null 2>&1) &&
        dpkg-deb -x "$downloaded"/*.deb "$2"
    then
        rm -r "$downloaded"
    else
        rm -r "$downloaded" "$2"
        return 1
    fi
}

# npm_install SOURCE FOLDER: what SOURCE/package-lock.json names, below FOLDER/node_modules.
npm_install() {
    mkdir -p "$2"
    if cmp -s "$1/package-lock.json" "$2/package-lock.json" && [ -d "$2/node_modules" ]; then
        return 0
    fi
    command -v npm >/dev/null || package_install nodejs npm || return 1
    cp "$1/package.json" "$1/package-lock.json" "$2/"
    npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund >"$2/npm.log" 2>&1 || {
        rm "$2/package-lock.json"
        return 1
    }
}
