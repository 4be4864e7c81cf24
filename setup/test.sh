# Sourced by ./dev: what `test`, `check` and `bench` do.
FAILED=()
PASSED=0
AT_THE_END=()

# part NAME COMMAND…: one part of the test run; its failure is counted and the rest goes on.
part() {
  local name=$1 began=$SECONDS; shift
  step "$name"
  if "$@"; then PASSED=$((PASSED + 1)); printf -- '-- %s: passed (%d s)\n' "$name" $((SECONDS - began))
  else FAILED+=("$name"); printf -- '-- %s: FAILED (%d s)\n' "$name" $((SECONDS - began)); fi
}

summed_up() {
  [[ ${#AT_THE_END[@]} -eq 0 ]] || printf '%s\n' "${AT_THE_END[@]}"
  printf '%d passed, %d failed\n' "$PASSED" "${#FAILED[@]}"
  [[ ${#FAILED[@]} -eq 0 ]] || { printf 'failed: %s\n' "${FAILED[@]}" >&2; return 1; }
}

# Two programs at a time, so one OpenMP thread each: two that wait for each other's are ten times slower.
# What failed is said once more at the very end of the run: a program's output is long.
unit_tests() {
  OMP_NUM_THREADS=1 ctest --test-dir "build/$1" -j 2 --timeout 1800 && return
  AT_THE_END+=("$(python3 tests/failures.py "build/$1/Testing/Temporary/LastTest.log")")
  return 1
}

# The demo in small sizes: what must happen, and three things that must not. The first one's store is
# kept for the browser to look at.
small_demos() {
  local kind json
  rm -rf build/demo-data
  for kind in plain --sabotage=data --sabotage=live --aa; do
    json=build/demo$kind.json
    local arguments=(demo --base "$HONE_BASE_MODEL" --small --once --json "$json")
    if [[ $kind == plain ]]; then arguments=(--data build/demo-data "${arguments[@]}"); else arguments+=("$kind"); fi
    printf -- '-- hone %s\n' "${arguments[*]}"
    timeout 900 build/release/bin/hone "${arguments[@]}" >build/demo.log 2>&1 || { tail -40 build/demo.log; return 1; }
    python3 tests/demo/check.py "$json" "$kind" || { tail -60 build/demo.log; return 1; }
  done
}

browser_tests() {
  (cd tests/browser && npm install --no-save --ignore-scripts --silent --no-audit --no-fund &&
    node run.mjs "$HONE_ROOT/build/release/bin" "$HONE_ROOT/build/demo-data")
}

# Two quick ones, or all of them with --full; installs them at the first run.
real_clients() { timeout -k 60 2400 node tests/clients/run.mjs build/release/bin/hone "$@"; }

run_tests() {
  local full=""
  [[ ${1:-} == --full ]] && { full=1; export HONE_FULL=1; }
  export OMP_NUM_THREADS=2 HONE_BASE_GGUF HONE_SHARED=${HONE_SHARED:-$HONE_ROOT/../shared}
  configure_and_build release || die "the release build failed"
  setup_base_model
  configure_and_build test || die "the test build failed"
  part "unit tests under ASan and UBSan" unit_tests test
  part "the server under load, under ASan and UBSan" under_load test
  part "the demo, small: plain, two sabotages, A/A" small_demos
  part "the dashboard in Chromium" browser_tests
  part "real clients" real_clients ${full:+--full}
  if [[ -n $full ]]; then
    part "the server on a system that fails" faults_swept
    part "a thousand simulated releases a cell" simulated_releases
    part "exports in llama.cpp" llama_cpp_loads
    part "merged, averaged and imported folders in transformers" transformers_loads
    part "datasets in Parquet, in Hugging Face's datasets" parquet_loads
    part "GRPO with a numeric verifier improves SmolLM2" learning grpo_numeric
    part "a reward model on hh-harmless, five folds" learning reward_hh
    part "DPO on real edits: margin and likelihood" learning dpo_edits
    part "unit tests under TSan" tsan_tests
    part "the server under load, under TSan" under_load tsan --seconds 4
  fi
  summed_up
}

# Compiles llama-cpp-python at the first run (ten minutes on two cores), into .deps/bench/llama-cpp.
llama_cpp_loads() {
  timeout -k 30 3600 python3 tests/export/llama_cpp_loads.py build/release/bin/hone-engine "$HONE_BASE_MODEL" "$HONE_SHARED"
}

# Makes the virtual environment of `bench engine` at the first run, in .deps/bench/transformers.
transformers_loads() {
  timeout -k 30 3600 python3 tests/export/transformers_loads.py build/release/bin/hone-engine "$HONE_BASE_MODEL"
}

parquet_loads() { timeout -k 30 1800 python3 tests/export/parquet_loads.py build/release/bin/hone; }

simulated_releases() {
  cmake --preset release >/dev/null || return 1  # it may have been configured before googletest was there
  configure_and_build release release_simulation &&
    HONE_FULL_RELEASES=1 build/release/bin/release_simulation --gtest_brief=1
}

# A training on the real model that must teach it something: tests/learning/NAME.py.
learning() {
  rm -rf "build/learning/$1"
  timeout -k 30 2400 python3 "tests/learning/$1.py" --engine build/release/bin/hone-engine --base "$HONE_BASE_MODEL" \
    --shared "$HONE_SHARED" --folder "build/learning/$1"
}

# The real server, built with the sanitizer of PRESET, under load: PRESET [ARGUMENT…].
under_load() {
  local preset=$1; shift
  configure_and_build release gateway_stub gateway_load && configure_and_build "$preset" hone &&
    timeout -k 30 900 python3 tests/serve/under_load.py "build/$preset/bin" build/release/bin "$@"
}

# The real server under strace, which lets system calls fail. LeakSanitizer cannot work under it.
faults_swept() {
  ASAN_OPTIONS=detect_leaks=0 timeout -k 30 1800 python3 tests/serve/fault_sweep.py build/test/bin build/release/bin
}

tsan_tests() { configure_and_build tsan && build/tsan/bin/hone_tests --gtest_brief=1; }

format_is_kept() {
  git ls-files 'src/*.cpp' 'src/*.h' 'tests/*.cpp' | xargs clang-format-19 --dry-run -Werror
}

# clang-tidy on what changed since main, or on all with HONE_TIDY=all: it is slow on two cores.
tidy() {
  local files
  if [[ ${HONE_TIDY:-} == all ]]; then mapfile -t files < <(git ls-files 'src/*.cpp' | grep -v engine)
  else mapfile -t files < <({ git diff --name-only HEAD; git diff --name-only 'HEAD~1' 2>/dev/null; } | grep -E '^src/.*\.cpp$' | sort -u); fi
  [[ ${#files[@]} -eq 0 ]] && return 0
  printf '%s\n' "${files[@]}" | xargs -P "$(jobs)" -n 4 clang-tidy-19 -p build/dev --quiet \
    --extra-arg=-Wno-ignored-optimization-argument --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-gch
}

run_check() {
  part "format" format_is_kept
  configure_and_build dev || die "the dev build failed"
  part "clang-tidy" tidy
  part "unit tests under ASan and UBSan" unit_tests dev
  summed_up
}

# Each benchmark prints its figure beside its limit; they want a machine that does nothing else.
# `./dev bench gateway [--quick …]` and `./dev bench engine [--quick …]` bring their peers, `./dev bench loop [--quick …]`
# its own people; see bench/*/run.py.
run_bench() {
  local what=${1:-outbox}; shift || true
  if [[ $what == gateway ]]; then
    configure_and_build release hone gateway_stub gateway_load store_bench
    python3 bench/gateway/run.py "$@"
    return
  fi
  if [[ $what == engine ]]; then
    configure_and_build release hone-engine
    setup_base_model
    HONE_BASE_GGUF=$HONE_BASE_GGUF python3 bench/engine/run.py "$@"
    return
  fi
  if [[ $what == loop ]]; then
    configure_and_build release hone hone-engine
    python3 bench/loop/run.py "$@"
    return
  fi
  [[ -f bench/${what}_bench.cpp ]] || die "no benchmark '$what'; there is: gateway engine loop $(cd bench && ls *_bench.cpp | sed 's/_bench.cpp//' | xargs)"
  configure_and_build release "${what}_bench"
  if [[ $what == tree ]]; then set -- "$@" $(git ls-files 'src/*.cpp' 'src/*.h' 'docs/*.md'); fi
  "build/release/bin/${what}_bench" "$@"
}
