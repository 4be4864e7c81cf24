#!/ usr / bin / env python3
"""Writes the seeds of tests/fuzz/engine into tests/fuzz/corpus: small valid files of each kind, and
the hostile ones that src/engine has tests for. Run it from anywhere; what is there is replaced."""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    data = data.encode() if isinstance(data, str) else data
    assert len(data) < 4096, (target, name, len(data))
    (folder / name).write_bytes(data)


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
#safetensors


def with_header(header, data=b""):
    header = (header if isinstance(header, str) else text(header)).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors():
    good = {"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 2], 0, 16), "b": entry("BF16", [3], 16, 22),
            "none": entry("I64", [0, 4], 22, 22)}
    one = lambda shape, begin, end, data=b"1234": with_header({"a": entry("F32", shape, begin, end)}, data)
    for name, data in {
        "good": with_header(good, bytes(range(22))),
        "scalar": one([], 0, 4),
        "empty_header": with_header("{}"),
        "long_header": struct.pack("<Q", 1 << 40) + b"{}",
        "header_behind_end": struct.pack("<Q", 100) + b"{}",
        "overflow": one([1 << 32, 1 << 32], 0, 4),
        "overflow_behind_zero": one([0, 1 << 62, 1 << 62], 0, 0, b""),
        "negative": one([-1], 0, 4),
        "reversed": one([1], 4, 0),
        "outside": one([1], 0, 400),
        "overlap": with_header({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"123"),
        "hole": with_header({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 3, 5)}, b"12345"),
        "behind": one([1], 0, 4, b"12345"),
        "dtype": with_header({"a": entry("F31", [1], 0, 4)}, b"1234"),
        "twice": with_header('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                             '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
        "twice_inside": with_header('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', b"1"),
        "twice_in_array": with_header('{"a":{"dtype":"U8","shape":[{"b":1,"b":1}],"data_offsets":[0,1]}}', b"1"),
        "metadata": with_header({"__metadata__": {"a": 1}}),
        "nested": with_header('{"a":' + "[" * 50 + "]" * 50 + "}"),
        "escapes": with_header('{"\\u0000\\u001b[31m":{"dtype":"U8","shape":[1],"data_offsets":[0,9]}}', b"1"),
        "long_name": with_header({"n" * 3000: entry("U8", [1], 0, 9)}, b"1"),
        "many_dimensions": one([1] * 9, 0, 4),
    }.items():
        write("safetensors", name, data)

#GGUF

U8, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10


def gguf_text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_text(value)
    if kind == ARRAY:
        of, items = value
        return struct.pack("<IQ", of, len(items)) + b"".join(gguf_value(of, item) for item in items)
    return struct.pack({U8: "<B", U32: "<I", F32: "<f", BOOL: "<B", 5: "<i", U64: "<Q"}[kind], value)


def gguf(values, tensors=(), data=b"", counts=None):
    out = b"GGUF" + struct.pack("<IQQ", 3, *(counts or (len(tensors), len(values))))
    for key, kind, value in values:
        out += gguf_text(key) + struct.pack("<I", kind) + gguf_value(kind, value)
    for name, sizes, kind, offset in tensors:
        out += gguf_text(name) + struct.pack("<I", len(sizes)) + struct.pack(f"<{len(sizes)}Q", *sizes)
        out += struct.pack("<IQ", kind, offset)
    return out + b"\0" * (-len(out) % 32) + data if tensors else out


def ggufs():
    strings = lambda *items: (STRING, list(items))
    gpt2 = [("general.architecture", STRING, "llama"), ("tokenizer.ggml.model", STRING, "gpt2"),
            ("tokenizer.ggml.pre", STRING, "smollm"),
            ("tokenizer.ggml.tokens", ARRAY, strings("a", "b", "ab", "<|im_end|>")),
            ("tokenizer.ggml.token_type", ARRAY, (5, [1, 1, 1, 3])),
            ("tokenizer.ggml.merges", ARRAY, strings("a b")), ("tokenizer.ggml.eos_token_id", U32, 3)]
    spm = [("tokenizer.ggml.model", STRING, "llama"), ("tokenizer.ggml.tokens", ARRAY, strings("a", "b", "ab")),
           ("tokenizer.ggml.scores", ARRAY, (F32, [0.0, -1.0, -2.0])),
           ("tokenizer.ggml.token_type", ARRAY, (5, [1, 1, 1])), ("tokenizer.ggml.add_space_prefix", BOOL, 0)]
    four = ("x", [4], 0, 0)
    for name, data in {
        "tokenizer": gguf(gpt2),
        "sentencepiece": gguf(spm),
        "tensors": gguf([("general.alignment", U32, 32)],
                        [("f32", [2, 2], 0, 0), ("f16", [2], 1, 32), ("q4_0", [32], 2, 64), ("q4_1", [32], 3, 96),
                         ("q8_0", [32, 1], 8, 128), ("bf16", [1], 30, 192), ("q6_k", [256], 14, 0)], bytes(range(194))),
        "counts": gguf([], counts=(1 << 63, 1 << 63)),
        "many": gguf([], counts=(1 << 20, 1 << 20)),
        "long_string": gguf([], counts=(0, 1)) + struct.pack("<Q", 1 << 63),
        "long_array": gguf([], counts=(0, 1)) + gguf_text("a") + struct.pack("<IIQ", ARRAY, U64, 1 << 61),
        "nested_array": gguf([], counts=(0, 1)) + gguf_text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + b"\0" * 40,
        "unknown_type": gguf([], counts=(0, 1)) + gguf_text("a") + struct.pack("<I", 99) + b"\0" * 8,
        "alignment_0": gguf([("general.alignment", U32, 0)], [four], b"\0" * 16),
        "alignment_huge": gguf([("general.alignment", U64, 1 << 62)], [four], b"\0" * 16),
        "alignment_text": gguf([("general.alignment", STRING, "32")], [four], b"\0" * 16),
        "shape_overflow": gguf([], [("x", [1 << 62, 8], 0, 0)], b""),
        "offset_overflow": gguf([], [("x", [4], 0, (1 << 64) - 32)], b"\0" * 16),
        "offset_odd": gguf([], [("x", [1], 0, 3)], b"\0" * 16),
        "blocks": gguf([], [("x", [33, 32], 8, 0)], b"\0" * 2000),
        "overlap": gguf([], [("x", [8], 0, 0), ("y", [8], 0, 0)], b"\0" * 32),
        "twice": gguf([], [four, four], b"\0" * 16),
        "dimensions": gguf([], [("x", [1] * 5, 0, 0)], b"\0" * 16),
        "not_utf8": gguf([(b"\xff\x1b[2J", STRING, b"\xff")] + gpt2[:3] +
                         [("tokenizer.ggml.tokens", ARRAY, strings(b"\xff")), ("tokenizer.ggml.merges", ARRAY, strings())]),
        "types_differ": gguf(gpt2[:4] + [("tokenizer.ggml.token_type", ARRAY, (5, [1])), gpt2[5]]),
        "score_nan": gguf(spm[:2] + [("tokenizer.ggml.scores", ARRAY, (F32, [float("nan")] * 3))] + spm[3:]),
    }.items():
        write("gguf", name, data)

#tokenizer.json

BYTE_LEVEL = {
    "added_tokens": [{"id": 5, "content": "<|end|>", "special": True}, {"id": 6, "content": "abba", "special": False}],
    "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3, "Ġ": 4}, "merges": ["a b", ["ab", "b"]]}}


def sentencepiece():
    vocab = {"<unk>": 0}
    vocab.update({f"<0x{byte:02X}>": 1 + byte for byte in range(256)})
    vocab.update({"▁": 257, "a": 258, "▁a": 259})
    return {
  "added_tokens" : [ {"id" : 0, "content" : "<unk>", "special" : True} ],
                   "normalizer" : {
                     "type" : "Sequence",
                     "normalizers" : [
                       {"type" : "Prepend", "prepend" : "▁"},
                       {"type" : "Replace", "pattern" : {"String" : " "}, "content" : "▁"}
                     ]
                   },
                                  "decoder"
      : {
        "type" : "Sequence",
        "decoders" : [
          {"type" : "Replace", "pattern" : {"String" : "▁"}, "content" : " "},
          {"type" : "ByteFallback"}, {"type" : "Fuse"},
          {"type" : "Strip", "content" : " ", "start" : 1, "stop" : 0}
        ]
      },
        "model" : {
    "type" : "BPE", "byte_fallback" : True, "vocab" : vocab, "merges" : [[ "▁", "a" ]]
  }
}

def changed(change):
    root = json.loads(json.dumps(BYTE_LEVEL))
    change(root)
    return text(root)


def tokenizers():
    added = lambda *tokens: changed(lambda root: root["added_tokens"].extend(tokens))
    vocab = lambda **tokens: changed(lambda root: root["model"]["vocab"].update(tokens))
    merges = lambda *pairs: changed(lambda root: root["model"].update(merges=list(pairs)))
    llama3 = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
              "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": llama3}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]}
    for name, data in {
        "byte_level": text(BYTE_LEVEL),
        "llama3": changed(lambda root: root.update(pre_tokenizer=split) or root["model"].update(ignore_merges=True)),
        "sentencepiece": text(sentencepiece()),
        "metaspace": text({**sentencepiece(), "normalizer": None,
                           "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}}),
        "id_huge": vocab(x=1 << 22),
        "id_beyond": vocab(x=1 << 62),
        "id_negative": vocab(x=-1),
        "id_twice": vocab(x=3),
        "added_huge": added({"id": 1 << 22, "content": "x"}),
        "added_same_id": added({"id": 5, "content": "other"}),
        "added_same_text": added({"id": 9, "content": "<|end|>"}),
        "added_in_vocabulary": added({"id": 9, "content": "ab"}),
        "added_over_vocabulary": added({"id": 2, "content": "<x>"}),
        "added_empty": added({"id": 9, "content": ""}),
        "merge_circle": merges(["a", "b"], ["ab", ""], ["", "ab"]),
        "merge_unknown": merges(["a", "zz"]),
        "merge_makes_nothing": merges(["b", "b"]),
        "merge_twice": merges(["a", "b"], ["a", "b"]),
        "merge_shape": merges(["a"], "ab"),
        "unigram": changed(lambda root: root["model"].update(type="Unigram")),
        "deep": '{"model":' + "[" * 1500 + "]" * 1500 + "}",
        "steps": changed(lambda root: root.update(pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Digits"}] * 60})),
        "long_type": changed(lambda root: root["model"].update(type="x" * 3000)),
    }.items():
        write("tokenizer", name, data)

#config.json

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 300, "hidden_size": 64,
          "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
          "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": [2, 3]}


def configs():
    llama3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 8192}
    for name, data in {
        "good": CONFIG,
        "llama3": {**CONFIG, "rope_scaling": llama3, "tie_word_embeddings": True, "attention_bias": True},
        "new_layout": {**CONFIG, "dtype": "bfloat16", "head_dim": 24,
                       "rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 1e5}},
        "negative": {**CONFIG, "hidden_size": -64},
        "huge": {**CONFIG, "vocab_size": 1 << 62},
        "heads": {**CONFIG, "num_attention_heads": 5},
        "kv_heads": {**CONFIG, "num_key_value_heads": 3},
        "head_dim": {**CONFIG, "head_dim": 15},
        "yarn": {**CONFIG, "rope_scaling": {"type": "yarn", "factor": 2}},
        "no_type": {**CONFIG, "rope_scaling": {"factor": 8}},
        "layer_ropes": {**CONFIG, "rope_parameters": {"full_attention": {"rope_theta": 1e4}}},
        "experts": {**CONFIG, "num_local_experts": 8},
        "quantised": {**CONFIG, "quantization_config": {"quant_method": "gptq"}},
        "window": {**CONFIG, "sliding_window": 4096},
        "other_type": {**CONFIG, "model_type": "qwen2"},
        "other_architecture": {**CONFIG, "architectures": ["MistralForCausalLM"]},
        "type_is_number": {**CONFIG, "model_type": 5, "hidden_act": 7},
        "eos": {**CONFIG, "eos_token_id": [300, -1]},
    }.items():
        write("model_config", name, text(data))
    write("model_config", "nan", text(CONFIG)[:-1] + ',"rope_theta":NaN}')
    write("model_config", "infinite", text(CONFIG)[:-1] + ',"rope_theta":1e999}')
    write("model_config", "twice", text(CONFIG)[:-1] + ',"hidden_size":128}')
    write("model_config", "deep", "[" * 2000)

#chat templates


def templates():
    chatml = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '')"
              " + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\\n{% endif %}")
    tools = ("{%- if tools %}{{- bos_token }}{% for t in tools %}{{ t | tojson(indent=2) }}{% endfor %}{% endif -%}"
             "{%- macro show(m) %}{% generation_like %}{% endmacro %}")
    whole = ("{%- set ns = namespace(last='', n=0) -%}{%- macro show(m, tag='x') -%}[{{ tag }}:{{ m.role | upper }}]"
             "{%- endmacro -%}{%- for m in messages if m.role != 'system' -%}{{ show(m, tag=loop.index ~ '/' ~ loop.length) }}"
             "{%- if m.content is string and m.content -%}{% generation %}{{ m.content | trim | replace('o', '0') }}"
             "{% endgeneration %}{%- elif m.tool_calls -%}{{ m.tool_calls | map(attribute='function.name') | join(', ') }}"
             "{{ m.tool_calls[0].function.arguments | tojson }}{%- endif -%}{%- set ns.last = m.role -%}"
             "{%- set ns.n = ns.n + 1 -%}{%- endfor -%}{{ ns.last }}{{ strftime_now('%d %b %Y') }}"
             "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ 'a-b-c'.split('-')[::-1] | join }}")
    bomb = "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"
    for name, data in {
        "chatml": chatml, "tools": tools, "whole": whole, "bomb": bomb,
        "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "recursion": "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
        "multiplied": "{{ 'a' * 10 ** 12 }}{{ [1] * 10 ** 12 }}",
        "joined": "{{ ''.join(['a' * 1000] * 100000) }}",
        "loop_is_over": "{% set ns = namespace() %}{% for i in [1, 2] %}{% set ns.l = loop %}{% endfor %}"
                        "{{ ns.l.nextitem }}{{ ns.l.previtem }}{{ ns.l.revindex0 }}{{ ns.l.cycle(1, 2) }}",
        "brackets": "{{ " + "(" * 2000, "minus": "{{ " + "-" * 2000 + "1 }}", "ifs": "{% if true %}" * 200,
        "chain": "{{ x" + ".x" * 1000 + " }}", "sum": "{{ 1" + "+1" * 1000 + " }}",
        "deep_value": "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
        "shared_value": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
                        "{{ ns.x == ns.x + [] }}{{ ns.x | tojson }}",
        "numbers": "{{ 9223372036854775807 // -1 }}{{ (-9223372036854775807 - 1) % -1 }}{{ 2 ** 62 }}{{ 7 % -3 }}"
                   "{{ 1e308 | round(300) }}{{ 2.5 | round | int }}{{ '1_0' | int }}",
        "slices": "{{ 'héllo'[::-1] }}{{ [1, 2, 3][-9223372036854775807:9223372036854775807:9223372036854775807] }}"
                  "{{ 'abc'[5:] }}{{ 'é'[0] }}{{ messages[-1].content[1:-1:2] }}",
        "strings": "{{ 'ǅßİ' | upper }}{{ 'ǅßİ'.lower() }}{{ 'a b'.title() }}{{ '\\u00e9\\x41\\101' }}{{ ' a '.strip() }}"
                   "{{ 'aXbX'.rsplit('X', 1) }}{{ 'a\\r\\nb'.splitlines() }}{{ ['x', \"'\", '\\n'] }}",
        "unfinished": "{% for m in messages %}{{ m.role", "comment": "{# a {% raw %}{{ b }}{% endraw %}", "raw": "{% raw %}{{ x }}",
    }.items():
        write("chat_template", name, data)

#adapters

LORA = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "bias": "none", "use_dora": False}


def lora_tensors(r=2, columns=4, extra=None):
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    size = 4 * r * columns
    header = {name + "A.weight": entry("F32", [r, columns], 0, size), name + "B.weight": entry("F32", [4, r], size, size + 16 * r)}
    data = bytes(size + 16 * r)
    if extra:
        header[extra] = entry("F32", [1], len(data), len(data) + 4)
        data += bytes(4)
    return with_header(header, data)


def adapters():
    both = lambda config, tensors: text(config).encode() + b"\0" + tensors
    for name, config, tensors in (
        ("good", LORA, lora_tensors()),
        ("rs", {**LORA, "use_rslora": True, "target_modules": "q_proj"}, lora_tensors()),
        ("r_0", {**LORA, "r": 0}, lora_tensors()),
        ("r_huge", {**LORA, "r": 1 << 62}, lora_tensors()),
        ("r_other", {**LORA, "r": 4096}, lora_tensors()),
        ("shape", LORA, lora_tensors(columns=3)),
        ("extra", LORA, lora_tensors(extra="base_model.model.lm_head.weight")),
        ("missing", {**LORA, "target_modules": ["q_proj", "v_proj"]}, lora_tensors()),
        ("embedding", {**LORA, "target_modules": ["embed_tokens"]}, lora_tensors()),
        ("modules_to_save", {**LORA, "modules_to_save": ["lm_head"]}, lora_tensors()),
        ("dora", {**LORA, "use_dora": True}, lora_tensors()),
        ("ranks", {**LORA, "rank_pattern": {"q_proj": 8}}, lora_tensors()),
        ("bias", {**LORA, "bias": "all"}, lora_tensors()),
        ("fan_in_fan_out", {**LORA, "fan_in_fan_out": True}, lora_tensors()),
        ("pissa", {**LORA, "init_lora_weights": "pissa"}, lora_tensors()),
        ("loha", {**LORA, "peft_type": "LOHA"}, lora_tensors()),
        ("cut", LORA, lora_tensors()[:-1]),
    ):
        write("adapter", name, both(config, tensors))
    write("adapter", "alpha", text(LORA)[:-1].replace('"lora_alpha":4', '"lora_alpha":1e999') + "}\0")



def patterns():
    for name, pattern in {
        "words": r"^[a-z]+(?:-[a-z0-9]{2,3})*$", "anywhere": r"a|^b|c$|^$", "classes": r"[^\s\d\-\]]+\D\w\W\S.",
        "codes": r"\x41\u00e9\n\t\/[ä-ü€]", "named": r"(?<n>a)(?P<m>b)(?:c|)", "lazy": r"a*?b+?c??d{2,}?e{0}",
        "doubles": "(a|b)*a" + "(a|b)" * 12, "nested": "(" * 70 + ")" * 70, "repeats": "((((){999}){999}){999}){999}",
        "large": "((a{99}){99}){99}", "loops": "(a*)*(b?)*(^|$)*", "look": "(?=a)b(?!c)", "posix": "[[:alpha:]]",
        "range": "[z-a]", "count": "a{3,1}", "open": "[a-", "back": "a\\", "surrogate": r"\ud83d", "ends": "b^a$b",
    }.items():
        write("text_pattern", name, pattern)


for make in (safetensors, ggufs, tokenizers, configs, templates, adapters, patterns):
    make()
