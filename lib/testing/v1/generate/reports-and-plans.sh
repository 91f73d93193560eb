#!/bin/sh
# The reports and plans of `contigua analyse` and `contigua plan`: sh reports-and-plans.sh WORK, after models.mjs WORK.
# Needs version 1's code. Run from anywhere; WORK gets `reports` and `plans`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../../../.." && pwd)
sample=$repository/public/models/shapes-mmdit
cd "$1"
mkdir -p reports plans

analyse() {
  name=$1
  shift
  node "$repository/bin/contigua.mjs" analyse "$@" --engine wasm --out "reports/$name.json"
}
analyse sample "$sample" --samples 12 --timesteps 4
analyse sample-other-settings "$sample" --samples 8 --timesteps 2 --seed 7
analyse calibration-file models/shapes-tiny --calibration models/calibration.safetensors
analyse synthetic models/shapes-tiny/transformer --samples 6 --timesteps 3 --seed 5
analyse text-unread models/text-unread --samples 6 --timesteps 3
analyse sixty-blocks models/sixty-blocks --samples 4 --timesteps 2

plan() {
  name=$1
  shift
  node "$repository/bin/contigua.mjs" plan "$@" --out "plans/$name.json"
}
plan detected "$sample" --report reports/sample.json --remove 3 --config-out plans/detected.config.json
plan detected-probes "$sample" --report reports/sample.json --remove 3 --replacement probes
plan least-damage "$sample" --report reports/sample.json --remove 5 --choice least-damage
plan own-with-report "$sample" --report reports/sample.json --intervals '[[0,2],[9,15]]'
plan own-without-report "$sample" --intervals '[[3,4],[5,7]]' --config-out plans/own-without-report.config.json
plan own-probes-without-report "$sample" --intervals '[[14,15]]' --replacement probes
plan none-with-report "$sample" --report reports/sample.json --intervals '[]'
plan none-without-report "$sample" --intervals '[]'
plan calibration-file models/shapes-tiny --report reports/calibration-file.json --intervals '[[0,1],[3,5]]'
plan synthetic models/shapes-tiny/transformer --report reports/synthetic.json --remove 1 --choice least-damage
plan text-unread models/text-unread --report reports/text-unread.json --intervals '[[1,2]]'
plan sixty-blocks models/sixty-blocks --report reports/sixty-blocks.json --config-out plans/sixty-blocks.config.json \
  --intervals '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]'
