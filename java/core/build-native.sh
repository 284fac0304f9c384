#!/bin/sh
# Builds the native library and puts it where the jar takes it from: <classes>/native/<os>-<arch>/.
# Honours CARGO_TARGET_DIR and CARGO_BUILD_TARGET; FEATURES=gssapi builds in logins to Kafka by Kerberos. Usage: build-native.sh <classes directory>
set -eu
classes=$1
cd "$(dirname "$0")/../.."

command -v cargo >/dev/null || {
  echo "build-native.sh: 'cargo' is not on the PATH. Install Rust 1.88 or newer (https://rustup.rs)," \
    "or pass -Dcargo.skip to build the jar without the native library." >&2
  exit 1
}
cargo build --quiet --release -p flink-agents-jni --locked ${FEATURES:+--features "$FEATURES"}

triple=${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
release=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}/release
case $triple in
  *-linux-*) os=linux file=libflink_agents.so ;;
  *-apple-darwin) os=macos file=libflink_agents.dylib ;;
  *) echo "build-native.sh: no native library is built for $triple; Linux and macOS are known" >&2; exit 1 ;;
esac

mkdir -p "$classes/native/$os-${triple%%-*}"
# Renamed into place: a JVM that has the old copy mapped keeps it whole.
cp "$release/$file" "$classes/native/$os-${triple%%-*}/$file.new"
mv "$classes/native/$os-${triple%%-*}/$file.new" "$classes/native/$os-${triple%%-*}/$file"
