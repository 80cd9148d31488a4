"""Checks a log of Yumen with what others wrote: pymerkle for the tree (RFC 9162), cryptography for Ed25519.

    python others.py DIR KEY-FILE        the whole log, every tile and the signature
    python others.py PROOF KEY-FILE      one record
    python others.py PACK.tar.zst KEY-FILE    a pack of evidence (zstandard takes it apart)

Nothing of Yumen runs here; the formats are read as C2SP publishes them: signed-note, tlog-checkpoint, tlog-tiles, tlog-proof.
"""

import base64
import hashlib
import json
import struct
import sys
import tarfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InclusionProof, InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.core import _inclusion_path_layout

WIDTH = 256


class Wrong(Exception):
    pass


def must(yes, what):
    if not yes:
        raise Wrong(what)


class Key:
    """`name+number+base64`, as signed-note writes it; kind 1 signs texts, kind 4 cosigns."""

    def __init__(self, text):
        self.name, number, key = text.strip().split("+", 2)
        self.id, key = bytes.fromhex(number), base64.b64decode(key, validate=True)
        must(self.id == hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4], "the key's number")
        self.kind, self.public = key[0], Ed25519PublicKey.from_public_bytes(key[1:])

    def signed(self, text, signatures):
        for name, raw in signatures:
            if name != self.name or raw[:4] != self.id:
                continue
            message, signature = text.encode(), raw[4:]
            if self.kind == 4:
                time, signature = struct.unpack(">Q", raw[4:12])[0], raw[12:]
                message = f"cosignature/v1\ntime {time}\n".encode() + message
            try:
                self.public.verify(signature, message)
                return True
            except InvalidSignature:
                return False
        return False


class Note:
    """A text with signatures under it (signed-note)."""

    def __init__(self, note):
        text, lines = note.rsplit("\n\n", 1)
        self.text = text + "\n"
        self.signatures = []
        for line in lines.removesuffix("\n").split("\n"):
            dash, name, raw = line.split(" ")
            must(dash == "—", "a signature line")
            self.signatures.append((name, base64.b64decode(raw, validate=True)))


class Head(Note):
    """A checkpoint (tlog-checkpoint)."""

    def __init__(self, note):
        super().__init__(note)
        self.origin, size, root = self.text.split("\n")[:3]
        self.size, self.root = int(size), base64.b64decode(root, validate=True)

    def check(self, key):
        must(self.origin == key.name, "the log's name")
        must(key.signed(self.text, self.signatures), "the signature")
        return self


def place(number, width):
    """Where tlog-tiles puts a tile of this number."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts) + ("" if width == WIDTH else f".p/{width}")


def tiles(count):
    """Number and width of the tiles that hold so many hashes."""
    return [(number, min(WIDTH, count - number * WIDTH)) for number in range((count + WIDTH - 1) // WIDTH)]


def entries(directory, size):
    for number, width in tiles(size):
        bundle = (directory / "tile" / "entries" / place(number, width)).read_bytes()
        for _ in range(width):
            (length,) = struct.unpack(">H", bundle[:2])
            yield bundle[2 : 2 + length]
            bundle = bundle[2 + length :]
        must(not bundle, f"bytes behind the entries of {place(number, width)}")


def tree_of(records):
    tree = InmemoryTree(algorithm="sha256")
    for record in records:
        tree.append_entry(record)
    return tree


def root(tree, size):
    return tree.get_root(size) if size else hashlib.sha256(b"").digest()


def check_log(directory, key):
    """The head and the tree of a log in which all is right."""
    head = Head((directory / "checkpoint").read_text()).check(key)
    records = list(entries(directory, head.size))
    must(len(records) == head.size, "the number of records")
    for index, record in enumerate(records):
        must(json.loads(record)["sequence"] == index + 1, f"record {index + 1}")
    tree = tree_of(records)
    must(root(tree, head.size) == head.root, "the root")
    # Each hash of a level is the root of the records that the full tile below covers.
    level, hashes = 0, [tree.get_leaf(index + 1) for index in range(head.size)]
    while hashes:
        for number, width in tiles(len(hashes)):
            found = (directory / "tile" / str(level) / place(number, width)).read_bytes()
            must(found == b"".join(hashes[number * WIDTH : number * WIDTH + width]), f"tile {level}/{place(number, width)}")
        full = len(hashes) // WIDTH
        hashes = [subtree(hashes[number * WIDTH : (number + 1) * WIDTH]) for number in range(full)]
        level += 1
    return head, tree


def subtree(hashes):
    while len(hashes) > 1:
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def check_inclusion(record, index, size, root_hash, hashes):
    """By pymerkle's verifier. A proof of RFC 9162 does not say how its hashes are joined, pymerkle's does: index and size settle it."""
    must(0 <= index < size, "the index")
    leaf = hashlib.sha256(b"\x00" + record).digest()
    rule, _ = _inclusion_path_layout(index + 1, size)
    proof = InclusionProof("sha256", True, size, index + 1, rule, [leaf, *hashes])
    verify_inclusion(leaf, root_hash, proof, index=index + 1, size=size, algorithm="sha256")


def check_proof(text, key, witnesses=()):
    """The record of a tlog-proof, and its number."""
    head, note = text.split("\n\n", 1)
    first, extra, index, *hashes = head.split("\n")
    must(first == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index "), "the first lines")
    record, index = base64.b64decode(extra[6:], validate=True), int(index[6:])
    checkpoint = Head(note).check(key)
    for witness in witnesses:
        must(witness.signed(checkpoint.text, checkpoint.signatures), f"the cosignature of {witness.name}")
    check_inclusion(record, index, checkpoint.size, checkpoint.root, [base64.b64decode(one, validate=True) for one in hashes])
    return record, index + 1


def keys_after(key, rotations):
    """The key, and those that it leads to."""
    keys, parts = [key], rotations.removesuffix("\n\n").split("\n\n") if rotations else []
    for text, signatures in zip(parts[::2], parts[1::2]):
        note = Note(f"{text}\n\n{signatures}\n")
        heading, goes, comes = note.text.rstrip("\n").split("\n")
        goes, comes = Key(goes), Key(comes)
        must(heading == "log key rotation" and goes.signed(note.text, note.signatures), "a rotation")
        if (goes.name, goes.id) == (keys[-1].name, keys[-1].id):
            keys.append(comes)
    return keys


def pack_files(path):
    import zstandard  # only here, so that logs and proofs take less

    files = {}
    with open(path, "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as tar, tarfile.open(fileobj=tar, mode="r|") as pack:
        for member in pack:
            must(member.isreg() and member.name not in files, f"a file of the pack: {member.name}")
            files[member.name] = pack.extractfile(member).read()
    return files


def check_pack(files, key):
    """What a pack of evidence says of itself, and its records by their numbers."""
    manifest, keys = Note(files["MANIFEST"].decode()), keys_after(key, files["rotations"].decode())
    # The present key, or while it comes the one before; those that were replaced earlier sign nothing any more.
    signers = [one for one in keys[-2:] if one.signed(manifest.text, manifest.signatures)]
    must(signers and len(manifest.signatures) == 1, "the signature of the manifest")
    heading, origin, *lines = manifest.text.rstrip("\n").split("\n")
    must(heading == "yumen evidence pack v1" and origin == key.name, "the first lines of the manifest")
    named = {path: (sha256, int(length)) for sha256, length, path in (line.split(" ") for line in lines)}
    must(named.keys() | {"MANIFEST"} == files.keys() and len(named) == len(lines), "the files of the pack")
    for path, (sha256, length) in named.items():
        must((hashlib.sha256(files[path]).hexdigest(), len(files[path])) == (sha256, length), path)
    head = Head(files["checkpoint"].decode())
    must(head.origin == key.name and signers[0].signed(head.text, head.signatures), "the signature of the checkpoint")
    records, chosen = {}, []
    for line in files["records.jsonl"].splitlines(keepends=False):
        start = line.index(b',"record":')
        about, record = json.loads(line[:start] + b"}"), line[start + 10 : -1]
        must(json.loads(record)["sequence"] == about["sequence"] not in records, "the number of a record")
        hashes = [base64.b64decode(one, validate=True) for one in about["proof"]]
        check_inclusion(record, about["sequence"] - 1, head.size, head.root, hashes)
        records[about["sequence"]] = record
        if about["why"] == "span":
            chosen.append(about["sequence"])
    facts = json.loads(files["pack.json"])
    if facts["gapless"]:
        must(chosen == list(range(facts["first"], facts["last"] + 1)), "a gap")
    about = facts.get("incident")
    if about:
        story = {number for number in about["story"] if number >= facts["oldest"]}
        must(facts["first"] == max(about["first"], facts["oldest"]) and facts["last"] == about["last"], "the records of the incident")
        must({number for number in records if number > facts["last"]} == story, "what was done about the incident")
    elif facts["gapless"]:
        must(facts["first"] <= max(facts["oldest"], 1) or facts["first"] - 1 in records, "the record before the span")
        must(facts["last"] >= facts["size"] or facts["last"] + 1 in records, "the record behind the span")
    for config in json.loads(files["configs.json"]):
        must(json.loads(records[config["sequence"]])["details"].get("config") == config["sha256"], "which config was in force")
        if config["text"] == "kept":
            must(named[f"configs/{config['sha256']}.toml"][0] == config["sha256"], "the text of a config")
        if plan := config.get("plan"):
            must(json.loads(records[config["sequence"]])["details"].get("plan") == plan["sha256"], "which plan was in force")
            must(plan["text"] != "kept" or named[f"plans/{plan['sha256']}.toml"][0] == plan["sha256"], "the text of a plan")
    return facts, records


def check_consistency(tree, old, new):
    """That the tree of the head `new` begins with that of the head `old`."""
    if old.size == 0:
        return must(old.root == hashlib.sha256(b"").digest(), "the empty root")
    verify_consistency(old.root, new.root, tree.prove_consistency(old.size, new.size), prior_size=old.size, later_size=new.size)


def main(what, key_file):
    what, key = Path(what), Key(Path(key_file).read_text())
    if what.is_dir():
        head, _ = check_log(what, key)
        print(f"{head.size} records of {head.origin} are right")
    elif what.read_bytes()[:4] == b"\x28\xb5\x2f\xfd":
        facts, records = check_pack(pack_files(what), key)
        print(f"{len(records)} records of {facts['log']} are right, from {facts['from']} to before {facts['to']}")
    else:
        record, number = check_proof(what.read_text(), key)
        print(f"{record.decode()}\nis record {number} of {key.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
