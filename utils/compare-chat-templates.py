#!/usr/bin/env python3
"""Renders chat templates with jinja2 and with Lamina, and compares the bytes.

usage: compare-chat-templates.py RENDERER [--update] [TEMPLATE.jinja ...]

RENDERER is the program render-chat-templates of the unit tests. Without
templates, those in test/data/chat-templates and its snippets.json are
compared, and the stored prompts are checked too; --update writes those anew,
from jinja2. jinja2 is set up as Hugging Face transformers does it. Needs the
pip package jinja2. A template that Lamina does not support counts as a
difference only if it has to be rendered, that is, for the stored templates.
"""

import json
import pathlib
import subprocess
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

DATA = pathlib.Path(__file__).resolve().parent.parent / "test/data/chat-templates"


class Generation(jinja2.ext.Extension):
    """{% generation %} prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def environment(date):
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent,
                          separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    if date:
        env.globals["strftime_now"] = lambda format: date
    return env


def render_with_jinja(source, conversation):
    """Returns the prompt, or None if the template fails."""
    try:
        return environment(conversation["date"]).from_string(source).render(
            messages=conversation["messages"], tools=None, documents=None,
            bos_token=conversation["bos_token"], eos_token=conversation["eos_token"],
            add_generation_prompt=conversation["add_generation_prompt"])
    except Exception:  # Whatever Python raises in the template.
        return None


def field(text):
    data = text.encode()
    return b"%d:%s," % (len(data), data)


def render_with_lamina(renderer, cases):
    """Returns (prompt or None, the error) for each (source, conversation)."""
    stdin = b""
    for source, conversation in cases:
        fields = [source, conversation["bos_token"], conversation["eos_token"], conversation["date"],
                  str(int(conversation["add_generation_prompt"])), str(len(conversation["messages"]))]
        for message in conversation["messages"]:
            fields += [message["role"], message["content"]]
        stdin += b"".join(map(field, fields))
    stdout = subprocess.run([renderer], input=stdin, stdout=subprocess.PIPE, check=True).stdout
    position = 0

    def read():
        nonlocal position
        colon = stdout.index(b":", position)
        end = colon + 1 + int(stdout[position:colon])
        position = end + 1
        return stdout[colon + 1:end].decode()

    results = []
    while position < len(stdout):
        status = read()
        if status == "ok":
            segments = [(read(), read()) for _ in range(int(read()))]
            results.append(("".join(text for _, text in segments), None))
        else:
            line, message = read(), read()
            results.append((None, f"{status}: line {line}: {message}"))
    return results


def stored_cases():
    """Yields (name, source, conversation, record): where the prompt is stored."""
    conversations = json.loads((DATA / "conversations.json").read_text())
    path = DATA / "expected.json"
    expected = json.loads(path.read_text()) if path.exists() else {}
    cases = []
    for template in sorted(DATA.glob("*.jinja")):
        source = template.read_bytes().decode()
        record = expected.setdefault(template.stem, {})
        cases += [(f"{template.name}: {c['name']}", source, c, (record, c["name"])) for c in conversations]
    path = DATA / "snippets.json"
    snippets = json.loads(path.read_text())
    cases += [(s["template"], s["template"], conversations[1], (s, "expected")) for s in snippets]

    def write():
        for path, value in ((DATA / "expected.json", expected), (DATA / "snippets.json", snippets)):
            path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")

    return cases, write


def main():
    update = "--update" in sys.argv
    renderer, *templates = [a for a in sys.argv[1:] if a != "--update"]
    if templates:
        conversations = json.loads((DATA / "conversations.json").read_text())
        cases = [(f"{path}: {c['name']}", pathlib.Path(path).read_bytes().decode(), c, None)
                 for path in templates for c in conversations]
    else:
        cases, write = stored_cases()
    results = render_with_lamina(renderer, [case[1:3] for case in cases])
    differences = unsupported = 0
    for (name, source, conversation, record), (prompt, error) in zip(cases, results, strict=True):
        wanted = render_with_jinja(source, conversation)
        if record and update:
            record[0][record[1]] = wanted
        is_stored = not record or record[0].get(record[1], 0) == wanted
        if prompt == wanted and is_stored:
            continue
        if not record and error and error.startswith("unsupported"):
            unsupported += 1
            print(f"unsupported: {name}: {error}")
            continue
        differences += 1
        print(f"differs: {name}\n  jinja2: {wanted!r}\n  lamina: {prompt!r} {error or ''}")
        if not is_stored:
            print(f"  stored: {record[0].get(record[1], 'nothing')!r}")
    if update and not templates:
        write()
    print(f"{len(cases)} prompts, {differences} differ, {unsupported} not supported")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
