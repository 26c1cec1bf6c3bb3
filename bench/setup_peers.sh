# shellcheck shell=bash
# Functions that get the peers of bench/peers.sh and bench/accuracy.sh, and the model
# files; sourced by both, in the root of the repository. All of it goes to
# build/peers (or the folder that LAMINA_PEERS names), and what is there is kept.
# LAMINA_LLAMA_CPP names a build of llama.cpp to take instead of an own one.
folder=$(realpath -m "${LAMINA_PEERS:-build/peers}")
lamina=${LAMINA:-build/dev/bin/lamina}
llama_cpp=${LAMINA_LLAMA_CPP:-$folder/llama.cpp}
llama_version=0.3.36
llama_sum=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
# shellcheck disable=SC2034 # read by peers.sh
openvino="openvino-genai==2026.4.1.0"
# The last three are what llama-cpp-python imports.
python_packages="gguf==0.19.0 diskcache jinja2 typing_extensions"

[ -x "$lamina" ] || { echo "error: $lamina: not there, expected cmake --build build/dev" >&2; exit 5; }
mkdir -p "$folder/models"
export XDG_CACHE_HOME=$folder/cache

make_venv() { # name, packages
  local venv=$folder/$1
  shift
  [ -e "$venv/done" ] && [ "$(cat "$venv/done")" = "$*" ] && return
  echo "--- installing $*" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" --quiet --disable-pip-version-check install "$@" || {
    echo "error: $*: not to be had from the package index" >&2
    return 5
  }
  echo "$*" >"$venv/done"
}

get_llama_cpp() {
  local archive=$folder/llama_cpp_python-$llama_version.tar.gz
  if ! echo "$llama_sum  $archive" | sha256sum --check --status 2>/dev/null; then
    echo "--- getting llama-cpp-python $llama_version" >&2
    "$folder/gguf/bin/pip" --quiet --disable-pip-version-check download --no-deps \
      --no-binary llama-cpp-python --dest "$folder" "llama-cpp-python==$llama_version" >&2
  fi
  echo "$llama_sum  $archive" | sha256sum --check --status || {
    echo "error: llama-cpp-python $llama_version: another file than SHA-256 $llama_sum" >&2
    return 5
  }
  tar -xzf "$archive" -C "$folder"
}

build_llama_cpp() {
  local source=$folder/llama_cpp_python-$llama_version/vendor/llama.cpp
  [ -d "$source" ] || get_llama_cpp
  echo "--- building llama.cpp" >&2
  if ! { cmake -S "$source" -B "$llama_cpp" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=ON &&
    cmake --build "$llama_cpp" --target llama llama-bench llama-batched-bench \
      llama-quantize; } >"$folder/llama.cpp.log" 2>&1; then
    tail -n 20 "$folder/llama.cpp.log" >&2
    return 1
  fi
}

make_model() { # file, source, type, options of llama-quantize
  local file=$1 source=$2 type=$3
  shift 3
  [ -e "$file" ] && return
  echo "--- making $file" >&2
  "$llama_cpp/bin/llama-quantize" --allow-requantize "$@" "$source" "$file.new" "$type" \
    >"$file.log" 2>&1 || { tail -n 5 "$file.log" >&2 && return 1; }
  mv "$file.new" "$file"
}

# Sets up llama.cpp (which also makes the model files), a Python with the package
# gguf, and SmolLM2 in four types; `models` gets NAME=FILE of each.
get_smollm2() {
  # shellcheck disable=SC2086 # words
  make_venv gguf $python_packages
  local tool type shipped
  for tool in llama-bench llama-batched-bench llama-quantize; do
    [ -x "$llama_cpp/bin/$tool" ] || { build_llama_cpp; break; }
  done
  shipped=$(utils/fetch-smollm2.sh "$folder/models")
  models=(smollm2-q4_1="$shipped")
  for type in q4_0 q8_0 bf16; do
    make_model "$folder/models/smollm2-$type.gguf" "$shipped" $type
    models+=("smollm2-$type=$folder/models/smollm2-$type.gguf")
  done
}
