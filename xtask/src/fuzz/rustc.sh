#!/bin/sh
# Stands in for rustc when fuzz targets are built: adds what libFuzzer wants to know about coverage.
# Build scripts are programs of their own, without libFuzzer to call into.
case "$*" in
*"--crate-name build_script_"*) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
