#!/usr/bin/env python3
"""A second verifier of Siegel's proof bundles, written from docs/formats alone.

    verify.py BUNDLE.zip [--ledger-key FILE] [--tsa-roots FILE]
    verify.py vectors DIR

Exit status: 0 verified, 1 refused, 3 consistent, not authenticated. It needs Python's standard library and
`openssl` (for Ed25519 and RFC 3161). It keeps the whole bundle in memory.
"""
import base64
import calendar
import hashlib
import hmac
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "formats", "vectors", "bundle-readme.txt")

FILES = """README.txt manifest.txt entry.txt sealed.sha256 opening/decision.bin opening/envelope.bin opening/parts.bin
opening/sha256.bin opening/source.bin envelope.txt parts.bin log/inclusion.tlog-proof log/checkpoint.txt log/checkpoint.sig
anchor/entry.txt anchor/opening.bin anchor/inclusion.tlog-proof anchor/checkpoint.txt anchor/checkpoint.sig key/ledger.vkey
key/ledger.pem stamp/stamped.txt stamp/token.der stamp/chain.pem stamp/lists.pem before/consistency.txt before/checkpoint.txt
before/checkpoint.sig before/stamped.txt before/token.der before/chain.pem before/lists.pem message.eml""".split()


class Refused(Exception):
    """Something does not fit."""


def need(ok, what):
    if not ok:
        raise Refused(what)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hexsha(*parts):
    return sha(*parts).hex()


def b64(text):
    """Decodes base64 that has one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("base64")
    need(base64.b64encode(raw).decode() == text, "base64")
    return raw


def number(text):
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text) and int(text) < 1 << 63, "number " + text)
    return int(text)


def openssl(*args, files=()):
    """Runs openssl on octets: {name} in args is the path of a file with files[name]."""
    with tempfile.TemporaryDirectory() as d:
        paths = {}
        for name, octets in dict(files).items():
            paths[name] = os.path.join(d, name)
            with open(paths[name], "wb") as f:
                f.write(octets)
        done = subprocess.run(["openssl"] + [a.format(**paths) for a in args], capture_output=True)
        return done.returncode == 0, done.stdout


# --- container (bundle.md) ---

def read_zip(octets):
    files, at = [], 0
    while octets[at:at + 4] == b"PK\x03\x04":
        need(len(octets) >= at + 30, "zip")
        crc, size, _, length = struct.unpack_from("<IIIH", octets, at + 14)
        name = octets[at + 30:at + 30 + length]
        start = at + 30 + length
        content = octets[start:start + size]
        need(len(files) < 64 and len(content) == size, "zip")
        files.append((name, content))
        at = start + size
    need(write_zip(files) == octets, "this is not a bundle in its one spelling")
    files = [(name.decode("ascii", "replace"), content) for name, content in files]
    order = [FILES.index(name) if name in FILES else -1 for name, _ in files]
    need(-1 not in order and order == sorted(set(order)), "files")
    for name, content in files:
        big = name in ("envelope.txt", "parts.bin") or name.endswith("lists.pem")
        need(len(content) <= (1 << 30 if name == "message.eml" else 1 << 25 if big else 1 << 18), name + " is too large")
    return dict(files)


def write_zip(files):
    body, directory = b"", b""
    for name, content in files:
        fields = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 10) + fields + bytes(10) + struct.pack("<I", len(body)) + name
        body += b"PK\x03\x04" + fields + name + content
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + end


# --- tuples, trees, entries (tuple.md, entry.md) ---

def tuple_(label, *fields):
    return b"".join(struct.pack(">I", len(f)) + f for f in (label.encode(),) + fields)


def merkle(leaves):
    """RFC 6962 section 2.1."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return sha(b"\0", leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\1", merkle(leaves[:k]), merkle(leaves[k:]))


def climb(leaf, index, size, path):
    """The root to which an audit path leads (RFC 9162 section 2.1.3.2)."""
    need(0 <= index < size, "index")
    node, at, last = sha(b"\0", leaf), index, size - 1
    for p in path:
        need(last > 0, "path")
        if at & 1 or at == last:
            node = sha(b"\1", p, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha(b"\1", node, p)
        at, last = at >> 1, last >> 1
    need(last == 0, "path")
    return node


def grown(old, old_root, size, path):
    """The later root to which a consistency proof leads (RFC 9162 section 2.1.4.2)."""
    need(0 < old <= size, "sizes")
    if old == size:
        need(not path, "path")
        return old_root
    path = list(path)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    need(path, "path")
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for p in path[1:]:
        need(last > 0, "path")
        if at & 1 or at == last:
            before, after = sha(b"\1", p, before), sha(b"\1", p, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = sha(b"\1", after, p)
        at, last = at >> 1, last >> 1
    need(last == 0 and before == old_root, "the earlier checkpoint is not the beginning of the later one")
    return after


def parse_entry(text):
    """Returns kind, id, time, size and the commitments by field."""
    need(len(text) <= 16384 and text.endswith(b"\n"), "entry")
    try:
        lines = text.decode("ascii")[:-1].split("\n")
    except UnicodeDecodeError:
        raise Refused("entry")
    need(4 <= len(lines) <= 68, "entry")
    name = r"[a-z][a-z0-9-]{0,31}"
    head = [re.fullmatch(p, line) for p, line in zip(
        (r"siegel/v1 (%s)" % name, r"id ([0-9a-f]{32})", r"time (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)", r"size (.*)"), lines)]
    need(all(head), "entry")
    kind, ident, at, size = (m.group(1) for m in head)
    try:
        moment = calendar.timegm(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) + int(at[20:26]) / 1e6
        need(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(moment))) == at[:19], "time")
    except ValueError:
        raise Refused("time")
    fields = {}
    for line in lines[4:]:
        m = re.fullmatch(r"(%s) ([0-9a-f]{64})" % name, line)
        need(m and (not fields or m.group(1) > max(fields)), "entry field")
        fields[m.group(1)] = m.group(2)
    return {"kind": kind, "id": ident, "time": at, "seconds": moment, "size": number(size), "fields": fields}


def leaf_data(text, sealed):
    return sha(b"siegel/v1 leaf", sha(text), sealed)


def parse_tree(value):
    m = re.fullmatch(rb"(\d+) ([0-9a-f]{64})", value)
    need(m, "tree")
    return number(m.group(1).decode()), bytes.fromhex(m.group(2).decode())


# --- keys, checkpoints, proofs (ledger.md) ---

def key_id(name, public):
    return sha(name.encode(), b"\n\1", public)[:4]


def vkey(name, public):
    return "%s+%s+%s" % (name, key_id(name, public).hex(), base64.b64encode(b"\1" + public).decode())


def parse_vkey(text):
    parts = text.split("+", 2)
    need(len(parts) == 3 and parts[0], "key")
    raw = b64(parts[2])
    need(len(raw) == 33 and raw[0] == 1 and vkey(parts[0], raw[1:]) == text, "key")
    return parts[0], raw[1:]


def pem_key(public):
    der = bytes.fromhex("302a300506032b6570032100") + public
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def open_checkpoint(note, key):
    """Verifies a note with the log's signature line; returns what it says."""
    text, _, rest = note.rpartition(b"\n\n")
    text += b"\n"
    try:
        lines, signatures = text.decode().split("\n"), rest.decode().split("\n")
    except UnicodeDecodeError:
        raise Refused("note")
    need(len(note) <= 65536 and not re.search(rb"[\x00-\x09\x0b-\x1f]", note), "note")
    need(len(lines) == 4 and not lines[3] and signatures[-1] == "" and 2 <= len(signatures) <= 65, "note")
    origin, size, root = lines[0], number(lines[1]), b64(lines[2])
    need(re.fullmatch(re.escape(key[0]) + r"/[0-9a-f]{32}/[1-9][0-9]*", origin), "this log is of another instance")
    own, seen = None, set()
    for line in signatures[:-1]:
        m = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        need(m, "signature line")
        raw = b64(m.group(2))
        need(len(raw) > 4 and (m.group(1), raw[:4]) not in seen, "signature line")
        seen.add((m.group(1), raw[:4]))
        if m.group(1) == origin and raw[:4] == key_id(origin, key[1]):
            own = line, raw[4:]
    need(len(root) == 32 and own, "the checkpoint is not signed with the ledger's key")
    ok, _ = openssl("pkeyutl", "-verify", "-pubin", "-inkey", "{key}", "-rawin", "-in", "{text}", "-sigfile", "{sig}",
                    files={"key": pem_key(key[1]), "text": text, "sig": own[1]})
    need(ok and len(own[1]) == 64, "the signature of a checkpoint is wrong")
    return {"origin": origin, "size": size, "root": root, "text": text, "signature": own[1],
            "stamped": text + b"\n" + own[0].encode() + b"\n", "lines": len(seen)}


def parse_proof(octets, head):
    """Returns the number, the nodes and the note of a proof whose first lines are head."""
    need(octets.startswith(head), "proof")
    top, sep, note = octets[len(head):].partition(b"\n\n")
    need(sep, "proof")
    lines = top.decode("ascii", "replace").split("\n")
    path = [b64(line) for line in lines[1:]]
    need(len(path) <= 63 and all(len(p) == 32 for p in path), "proof")
    return number(lines[0]), path, note


INCLUSION, CONSISTENCY = b"c2sp.org/tlog-proof@v1\nindex ", b"old "


# --- timestamps (ledger.md) ---

def certificates(pem, kind=b"CERTIFICATE"):
    blocks = re.findall(rb"-----BEGIN %s-----\n(.*?)-----END %s-----\n" % (kind, kind), pem, re.S)
    ders, again = [], b""
    for body in blocks:
        der = b64(body.replace(b"\n", b"").decode("ascii", "replace"))
        text = base64.b64encode(der)
        again += b"-----BEGIN %s-----\n" % kind
        again += b"".join(text[i:i + 64] + b"\n" for i in range(0, len(text), 64))
        again += b"-----END %s-----\n" % kind
        ders.append(der)
    need(again == pem, "certificates are not in their one spelling")
    return ders


def names(der):
    ok, out = openssl("x509", "-inform", "DER", "-in", "{c}", "-noout", "-subject_hash", "-issuer_hash", files={"c": der})
    need(ok, "certificate")
    return out.split()


def children(der):
    """The elements of a constructed element, each with its header."""
    def length(at):
        n, head = der[at + 1], 2
        if n & 0x80:
            head, n = 2 + (n & 0x7F), int.from_bytes(der[at + 2:at + 2 + (n & 0x7F)], "big")
        return head, n
    at, end = length(0)[0], len(der)
    while at < end:
        head, n = length(at)
        yield der[at:at + head + n]
        at += head + n


def carried(token):
    """The certificates inside a token: ContentInfo, [0], SignedData, [0]."""
    try:
        signed = list(children(list(children(list(children(token))[1]))[0]))
        return [c for field in signed if field[0] == 0xA0 for c in children(field)]
    except IndexError:
        raise Refused("token")


def check_stamp(stamped, token, chain_pem, lists_pem, roots):
    """Returns the token's time in seconds and the fingerprint of the root."""
    chain = certificates(chain_pem)
    need(chain, "no certificates")
    end, (_, issuer) = 0, names(chain[0])
    while end + 1 < len(chain):
        subject, above = names(chain[end + 1])
        if subject != issuer:
            break
        end, issuer = end + 1, above
    inside = carried(token)
    need(chain[0] in inside and set(inside) <= set(chain) and set(chain[end + 1:]) <= set(inside), "certificates of the token")
    ok, text = openssl("ts", "-reply", "-token_in", "-in", "{t}", "-text", files={"t": token})
    m = re.search(rb"Time stamp: (\w+ +\d+ \d\d:\d\d:\d\d)(\.\d+)? (\d{4}) GMT", text)
    need(ok and m, "token")
    at = calendar.timegm(time.strptime((m.group(1) + b" " + m.group(3)).decode(), "%b %d %H:%M:%S %Y"))
    need(b"Hash Algorithm: sha256" in text, "imprint")
    own = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(chain[end]) + b"-----END CERTIFICATE-----\n"
    ok, _ = openssl("ts", "-verify", "-token_in", "-in", "{t}", "-data", "{d}", "-CAfile", "{r}", "-untrusted", "{c}", "-attime", str(at),
                    files={"t": token, "d": stamped, "r": roots or own, "c": chain_pem})
    need(ok, "the timestamp is not valid")
    check_lists(certificates(lists_pem, b"X509 CRL"), chain[:end + 1], chain_pem, at)
    return at, hexsha(chain[end])


def check_lists(lists, chain, chain_pem, at):
    def seconds(text):
        return calendar.timegm(time.strptime(text.decode(), "%b %d %H:%M:%S %Y GMT"))
    serials = {}
    for c, issuer in zip(chain, chain[1:]):
        _, out = openssl("x509", "-inform", "DER", "-in", "{c}", "-noout", "-serial", files={"c": c})
        serials.setdefault(names(issuer)[0], []).append(out.strip().split(b"=")[1])
    for der in lists:
        ok, out = openssl("crl", "-inform", "DER", "-in", "{l}", "-noout", "-CAfile", "{c}", "-hash", "-text", files={"l": der, "c": chain_pem})
        need(ok, "revocation list")
        hashed = re.findall(rb"^[0-9a-f]{8}$", out, re.M)
        need(hashed and hashed[0] in serials, "the revocation list is of no issuer of the chain")
        need(seconds(re.search(rb"Next Update: (.*)", out).group(1)) >= at, "the revocation list is too old")
        for serial, when in re.findall(rb"Serial Number: ([0-9A-F]+)\s+Revocation Date: (.*)", out):
            need(serial not in serials[hashed[0]] or seconds(when) > at, "the certificate was revoked")


# --- the bundle (bundle.md) ---

def verify(octets, key_text=None, roots=None):
    """Returns what the bundle proves, or raises Refused."""
    files = read_zip(octets)
    get = lambda name: need(name in files, name + " is missing") or files[name]
    manifest = "".join("%s  %s\n" % (hexsha(c), n) for n, c in files.items() if n != "manifest.txt")
    need(get("manifest.txt") == manifest.encode(), "manifest.txt")
    e = parse_entry(get("entry.txt"))
    need(e["kind"] == "message", "kind")
    key = parse_vkey(get("key/ledger.vkey").decode("utf-8", "replace").rstrip("\n"))
    need(key_text is None or vkey(*key) == key_text.rstrip("\n"), "another key than the one that was given")

    index, path, note = parse_proof(get("log/inclusion.tlog-proof"), INCLUSION)
    at, anchor_path, anchor_note = parse_proof(get("anchor/inclusion.tlog-proof"), INCLUSION)
    log, anchor = open_checkpoint(note, key), open_checkpoint(anchor_note, key)
    need(log["lines"] == anchor["lines"] == 1, "more signature lines")
    until, root = check_stamp(anchor["stamped"], get("stamp/token.der"), get("stamp/chain.pem"), files.get("stamp/lists.pem", b""), roots)
    start = None
    made = {"log/checkpoint.txt": log["text"], "log/checkpoint.sig": log["signature"], "anchor/checkpoint.txt": anchor["text"],
            "anchor/checkpoint.sig": anchor["signature"], "key/ledger.vkey": vkey(*key).encode() + b"\n", "key/ledger.pem": pem_key(key[1]),
            "stamp/stamped.txt": anchor["stamped"]}
    if any(n.startswith("before/") for n in files):
        old, grow, again = parse_proof(get("before/consistency.txt"), CONSISTENCY)
        earlier = open_checkpoint(get("before/stamped.txt"), key)
        need(again == anchor_note and earlier["origin"] == anchor["origin"] and earlier["size"] == old and earlier["lines"] == 1, "before")
        need(grown(old, earlier["root"], anchor["size"], grow) == anchor["root"] and old <= at, "before")
        start, _ = check_stamp(earlier["stamped"], get("before/token.der"), get("before/chain.pem"), files.get("before/lists.pem", b""), roots)
        need(start <= until + 1, "the earlier timestamp is later")
        made.update({"before/checkpoint.txt": earlier["text"], "before/checkpoint.sig": earlier["signature"], "before/stamped.txt": earlier["stamped"]})
    made["README.txt"] = readme(e, log, anchor, key, until, start)
    for name, content in made.items():
        need(get(name) == content, name + " is not what follows from the others")
    need(files.get("stamp/lists.pem") != b"" and files.get("before/lists.pem") != b"", "empty lists")

    sealed = get("sealed.sha256")
    need(len(sealed) == 32 and climb(leaf_data(get("entry.txt"), sealed), index, log["size"], path) == log["root"], "the entry is not in the log")
    a, opening = parse_entry(get("anchor/entry.txt")), get("anchor/opening.bin")
    need(a["kind"] == "checkpoint" and a["size"] == 0 and a["fields"] == {"checkpoint": hexsha(opening)} and opening[32:] == note, "anchor")
    need(climb(leaf_data(get("anchor/entry.txt"), sha()), at, anchor["size"], anchor_path) == anchor["root"], "the anchor is not in the log")
    check_content(e, files)
    warn = e["seconds"] > until + 1 or (start is not None and e["seconds"] < start)
    return {"id": e["id"], "key": hexsha(key[1]), "root": root, "from": start, "until": until, "warning": warn}


def readme(e, log, anchor, key, until, start):
    day = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
    with open(README, encoding="utf-8") as f:
        text = f.read()
    for field, value in {"id": e["id"], "time": e["time"], "size": str(e["size"]), "log": log["origin"], "instance": anchor["origin"], "name": key[0],
                         "until": day(until), "until-seconds": str(until), "from": "-" if start is None else day(start),
                         "from-seconds": str(start or 0)}.items():
        text = text.replace("{%s}" % field, value)
    return text.encode()


def check_content(e, files):
    """Openings, envelope, message."""
    values = {}
    for name in ("decision", "envelope", "sha256", "source"):
        octets = files.get("opening/%s.bin" % name)
        if octets is not None:
            need(len(octets) >= 32 and e["fields"].get(name) == hexsha(octets), name + " is not the value that was entered")
            values[name] = octets[32:]
    need("sha256" in values and ("source" in values) == ("decision" in values), "openings")
    need(("envelope" in values) == ("envelope.txt" in files), "envelope")
    if "envelope" in values:
        envelope(values["envelope"], files["envelope.txt"])
    present = {n in files for n in ("message.eml", "parts.bin", "opening/parts.bin")}
    need(len(present) == 1, "message and parts")
    if "message.eml" not in files:
        return
    message, parts, at, inputs = files["message.eml"], files["parts.bin"], 0, []
    need(len(message) == e["size"] and hexsha(message).encode() == values["sha256"], "the message is not the one that was entered")
    need(len(parts) >= 32 and len(parts) % 8 == 0 and len(files["opening/parts.bin"]) == 32, "parts")
    for i, (length,) in enumerate(struct.iter_unpack(">Q", parts[32:])):
        salt = hmac.digest(parts[:32], b"siegel/v1 part" + struct.pack(">Q", i), "sha256")
        inputs.append(sha(salt, message[at:at + length]))
        at += length
        need(at <= len(message), "the parts do not cover the message")
    value = b"%d %s" % (len(inputs), merkle(inputs).hex().encode())
    need(at == len(message) and e["fields"].get("parts") == hexsha(files["opening/parts.bin"], value), "parts")


def envelope(value, text):
    count, root = parse_tree(value)
    need(text == b"" or text.endswith(b"\n"), "envelope.txt")
    items = []
    for line in text.decode("ascii", "replace").split("\n")[:-1]:
        words = line.split(" ")
        need(len(words) >= 2, "envelope.txt")
        raw = b64(words[1])
        need(len(raw) >= 32, "envelope.txt")
        items.append((number(words[0]), sha(raw), [b64(w) for w in words[2:]]))
    indexes = [i for i, _, _ in items]
    need(indexes == sorted(set(indexes)), "envelope.txt")
    if len(items) == count:
        need(all(not p for _, _, p in items) and merkle([d for _, d, _ in items]) == root, "the envelope is not the one that was entered")
        return
    for i, d, path in items:
        need(all(len(p) == 32 for p in path) and climb(d, i, count, path) == root, "a line of the envelope is not one that was entered")


# --- test vectors ---

def hkdf(key, salt, info, n):
    prk, out, block = hmac.digest(salt or bytes(32), key, "sha256"), b"", b""
    while len(out) < n:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:n]


def vectors(folder):
    def load(name):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            return json.load(f)
    h = bytes.fromhex
    for v in load("tuple.json"):
        need(tuple_(v["label"], *map(h, v["fields"])) == h(v["octets"]), "tuple")
    for v in load("entry.json"):
        try:
            e = parse_entry(v["text"].encode())
        except Refused:
            need(not v["valid"], "entry refused")
            continue
        need(v["valid"], "entry taken")
        need({k: e[k] for k in ("kind", "id", "time", "size")} == {k: v[k] for k in ("kind", "id", "time", "size")}, "entry")
        need(e["fields"] == {f["name"]: hexsha(h(f["salt"]), h(f["value"])) for f in v["fields"]}, "commitment")
        leaf = leaf_data(v["text"].encode(), h(v["sealed"]))
        need(leaf == h(v["leaf_data"]) and sha(b"\0", leaf) == h(v["leaf_hash"]), "leaf")
    for v in load("tree.json"):
        inputs = [sha(h(i["salt"]), h(i["value"])) for i in v["items"]]
        need("%d %s" % (len(inputs), merkle(inputs).hex()) == v["tree"], "tree")
        for i, item in enumerate(v["items"]):
            need(climb(inputs[i], i, len(inputs), list(map(h, item["path"]))).hex() == v["tree"].split()[1], "path")
            need(hmac.digest(h(v["seed"]), b"siegel/v1 part" + struct.pack(">Q", i), "sha256") == h(item["part_salt"]), "part salt")
    ledger = load("ledger.json")
    key = parse_vkey(ledger["vkey"])
    need(pem_key(key[1]).decode() == ledger["pem"], "pem")
    leaves = list(map(h, ledger["leaves"]))
    for v in ledger["checkpoints"]:
        try:
            c = open_checkpoint(v["note"].encode(), key)
        except Refused:
            need(not v["valid"], "checkpoint refused")
            continue
        need(v["valid"] and c["root"] == merkle(leaves[:c["size"]]) and c["stamped"].decode() == v["stamped"], "checkpoint")
    for text in ledger["inclusion"]:
        index, path, note = parse_proof(text.encode(), INCLUSION)
        c = open_checkpoint(note, key)
        need(climb(leaves[index], index, c["size"], path) == c["root"], "inclusion")
    for text in ledger["consistency"]:
        old, path, note = parse_proof(text.encode(), CONSISTENCY)
        c = open_checkpoint(note, key)
        need(grown(old, merkle(leaves[:old]), c["size"], path) == c["root"], "consistency")
    for v in load("stream.json"):  # AES and zstd are not in the standard library: the part before them
        stream = h(v["stream"])
        okm = hkdf(h(v["dek"]), stream[1:33], tuple_("siegel/v1 message body", h(v["tenant"]), h(v["id"]), bytes([v["kind"]])), 64)
        need(stream[0] == 1 and stream[33:65] == okm[32:] and okm[:32] == h(v["key"]), "stream")
    for v in load("bundle.json"):
        with open(os.path.join(folder, v["file"]), "rb") as f:
            octets = f.read()
        with open(os.path.join(folder, "bundle-ledger.pub"), encoding="utf-8") as f:
            key_text = f.read()
        with open(os.path.join(folder, "bundle-roots.pem"), "rb") as f:
            roots = f.read()
        for wanted, given in ((v["authenticated"], (key_text, roots)), (v["alone"], (None, None))):
            need(judge(octets, *given)[0] == wanted, v["file"])


def judge(octets, key_text, roots):
    try:
        facts = verify(octets, key_text, roots)
    except Refused as e:
        return 1, {"verdict": "refused", "why": str(e)}
    if key_text is None or roots is None:
        return 3, dict(facts, verdict="consistent")
    return 0, dict(facts, verdict="verified")


def main(args):
    if len(args) == 2 and args[0] == "vectors":
        vectors(args[1])
        return 0
    given = {"--ledger-key": None, "--tsa-roots": None}
    rest = []
    while args:
        if args[0] in given and len(args) > 1:
            with open(args[1], "rb") as f:
                given[args[0]] = f.read()
            args = args[2:]
        else:
            rest.append(args[0])
            args = args[1:]
    if len(rest) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with open(rest[0], "rb") as f:
        octets = f.read()
    key = given["--ledger-key"]
    status, report = judge(octets, None if key is None else key.decode(), given["--tsa-roots"])
    print(json.dumps(report))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
