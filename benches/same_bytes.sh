#!/usr/bin/env bash
# same_bytes.sh FLOWC DATA [interpret]: runs every benchmark program over the data of run.py on threads 1, 2, 7 x
# chunks and morsels small and default x optimizer on and off (x native code and interpreter, if asked: slow) and compares
# the outputs byte for byte.
set -euo pipefail
flowc=${1:?the flowc binary}
data=${2:?the folder of the data}
engines=("")
[ "${3:-}" = interpret ] && engines+=("--interpret")
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
declare -A input=([w1]=stations.txt [w2]=words.txt [w3]='people/*.json' [w4]=fec [w4b]=fec/a.txt [w5]=access.log)
differ=0
for program in w1 w2 w3 w4 w4b w5; do
  first=""
  runs=0
  for threads in 1 2 7; do
    for sizes in "" "--chunk-kib 64 --morsel-rows 100"; do
      for level in 1 0; do
        for engine in "${engines[@]}"; do
          out="$scratch/$program.$runs"
          # shellcheck disable=SC2086
          "$flowc" run "$here/$program.flow" -q --param data="$data/${input[$program]}" \
            --threads $threads -O $level $sizes $engine > "$out"
          runs=$((runs + 1))
          if [ -z "$first" ]; then
            first="$out"
          elif ! cmp -s "$first" "$out"; then
            echo "$program differs: threads $threads, optimizer $level, sizes '$sizes', engine '$engine'"
            differ=1
          fi
        done
      done
    done
  done
  echo "$program: $runs runs compared"
done
exit $differ
