"""Logs that the product made, checked by what others wrote; and the product's own answers about them.

`tests/run log` writes the logs (YUMEN_LOGS) with the journal and the sealer of the gateway.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import others
import pytest

LOGS = Path(os.environ["YUMEN_LOGS"])
BIN = os.environ["YUMEN_BIN"]
SIZES = [0, 1, 255, 256, 257, 65_537]
# For memory alone: these differ by ten.
FEWER, MORE = 30_000, 300_000
# The same for packs, of which every record is proven.
FEWER_PROVEN, MORE_PROVEN = 1_000, 10_000


def yumen(*words):
    return subprocess.run([BIN, "audit", *map(str, words)], capture_output=True, text=True, timeout=300)


def said(*words):
    ended = yumen(*words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def key_file(size):
    return LOGS / str(size) / "verifier.key"


def key(size):
    return others.Key(key_file(size).read_text())


def audit(size):
    return LOGS / str(size) / "audit"


@pytest.mark.parametrize("size", SIZES)
def test_a_stranger_finds_every_record_tile_and_signature_right(size):
    head, tree = others.check_log(audit(size), key(size))
    assert head.size == size
    assert f"records    {size}\n" in said("verify", audit(size), "--key", key_file(size))
    for older in {1, 2, 255, 256, 257, size // 2, size} & set(range(1, size + 1)):
        past = others.Head(f"{head.origin}\n{older}\n{others.base64.b64encode(others.root(tree, older)).decode()}\n\n— x AAAAAAAA\n")
        others.check_consistency(tree, past, head)


@pytest.mark.parametrize("size", SIZES)
def test_a_stranger_accepts_the_proofs_and_no_other_record(size):
    for sequence in sorted({1, 2, 255, 256, 257, 512, 40_000, 65_536, 65_537, size} & set(range(1, size + 1))):
        text = said("prove", sequence, "--data", LOGS / str(size))
        record, number = others.check_proof(text, key(size))
        assert number == sequence and f'"sequence":{sequence},' in record.decode()
        other = text.replace(f"index {sequence - 1}\n", f"index {sequence}\n")
        with pytest.raises(Exception):  # noqa: B017: pymerkle and this verifier have their own
            others.check_proof(other, key(size))
        with pytest.raises(Exception):  # noqa: B017
            others.check_proof(text.replace("extra e", "extra f"), key(size))


def test_a_proof_is_checked_with_the_key_alone_and_carries_the_witness(tmp_path):
    house = tmp_path / "house"
    shutil.copytree(LOGS / "257", house)
    witness = said("witness-key", "witness.city.test", tmp_path / "w.key").strip()
    (house / "audit" / "witnessed").mkdir()
    cosign = ["cosign", house / "audit", "--key", key_file(257), "--state", tmp_path / "state", "--witness-key", tmp_path / "w.key"]
    said(*cosign, "--out", house / "audit" / "witnessed" / "w")
    said("prove", 200, "--data", house, "--out", tmp_path / "200.tlog-proof")
    text = (tmp_path / "200.tlog-proof").read_text()
    assert others.check_proof(text, key(257), [others.Key(witness)])[1] == 200
    told = said("verify-proof", tmp_path / "200.tlog-proof", "--key", key_file(257), "--witness", witness)
    assert f"this is record number 200 of the log {key(257).name}" in told and "by witness.city.test" in told
    for words, why in [
        (["--key", key_file(256)], "not signed with the key"),
        (["--key", key_file(257), "--witness", said("witness-key", "witness.city.test", tmp_path / "x.key").strip()], "has not cosigned"),
    ]:
        ended = yumen("verify-proof", tmp_path / "200.tlog-proof", *words)
        assert ended.returncode == 1 and why in ended.stderr and "number 200" not in ended.stdout, ended
    assert yumen("witness-key", "witness.city.test", tmp_path / "w.key").returncode == 1, "a key is not overwritten"
    assert (tmp_path / "w.key").stat().st_mode & 0o777 == 0o600
    # The witness has seen 257 records: it signs no log that has fewer, nor one that is another.
    for size in (256, 65_537):
        ended = yumen("cosign", audit(size), *cosign[2:])
        assert ended.returncode == 1 and not ended.stdout, ended


def test_verify_says_what_is_wrong_and_that_without_a_key_it_says_little(tmp_path):
    log = tmp_path / "audit"
    shutil.copytree(audit(257), log)
    ended = yumen("verify", log)
    assert ended.returncode == 3 and "NO KEY WAS GIVEN" in ended.stderr
    assert "begins with the remembered" in said("verify", log, "--key", key_file(257), "--since", log / "checkpoint")
    ended = yumen("verify", log, "--key", key_file(256))
    assert ended.returncode == 1 and "not signed with the key" in ended.stderr
    ended = yumen("verify", tmp_path / "nowhere", "--key", key_file(257))
    assert ended.returncode == 1 and "evidence" not in ended.stderr, ended.stderr
    bundle = log / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"name":"99"', b'"name":"98"'))
    with pytest.raises(others.Wrong):
        others.check_log(log, key(257))
    ended = yumen("verify", log, "--key", key_file(257))
    assert ended.returncode == 1 and "record 100 in tile/entries/000" in ended.stderr and "evidence" in ended.stderr, ended.stderr


EVER = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]


@pytest.mark.parametrize("size", SIZES[:-1])
def test_a_stranger_finds_a_pack_of_evidence_right_and_no_other(size, tmp_path):
    pack = tmp_path / "pack.tar.zst"
    told = said("evidence", "--data", LOGS / str(size), *EVER, "--out", pack)
    assert others.hashlib.sha256(pack.read_bytes()).hexdigest() in told
    files = others.pack_files(pack)
    facts, records = others.check_pack(files, key(size))
    assert (facts["first"], facts["last"], list(records)) == (1, size, list(range(1, size + 1)))
    checked = said("verify-evidence", pack, "--key", key_file(size))
    assert ("nothing was written" in checked) == (size == 0)
    for path in files:
        changed = {**files, path: files[path] + b"x" if path != "rotations" else b"x\n\n"}
        with pytest.raises(Exception):  # noqa: B017: several libraries have their own
            others.check_pack(changed, key(size))
    with pytest.raises(others.Wrong):
        others.check_pack({**files, "more": b""}, key(size))
    if size:
        with pytest.raises(others.Wrong):
            others.check_pack(files, key(257 if size != 257 else 256))


def test_a_pack_carries_the_witness_and_says_when_nobody_signed_it(tmp_path):
    house, pack = tmp_path / "house", tmp_path / "pack.tar.zst"
    shutil.copytree(LOGS / "257", house)
    witness = said("witness-key", "witness.city.test", tmp_path / "w.key").strip()
    (house / "audit" / "witnessed").mkdir()
    cosign = ["cosign", house / "audit", "--key", key_file(257), "--state", tmp_path / "state", "--witness-key", tmp_path / "w.key"]
    said(*cosign, "--out", house / "audit" / "witnessed" / "w")
    said("evidence", "--data", house, *EVER, "--out", pack)
    assert "by witness.city.test" in said("verify-evidence", pack, "--key", key_file(257), "--witness", witness)
    others.check_pack(others.pack_files(pack), key(257))
    other = said("witness-key", "witness.city.test", tmp_path / "x.key").strip()
    ended = yumen("verify-evidence", pack, "--key", key_file(257), "--witness", other)
    assert ended.returncode == 1 and "has not cosigned" in ended.stderr
    # A copy for an auditor has no key to sign with: she must say that she knows.
    (house / "log.key").unlink()
    ended = yumen("evidence", "--data", house, *EVER, "--out", tmp_path / "copy")
    assert ended.returncode == 1 and "--unsigned" in ended.stderr and not (tmp_path / "copy").exists()
    said("evidence", "--data", house, *EVER, "--out", tmp_path / "copy", "--unsigned")
    ended = yumen("verify-evidence", tmp_path / "copy", "--key", key_file(257))
    assert ended.returncode == 3 and "MANIFEST IS NOT SIGNED" in ended.stderr


def peak(size, *words):
    """The most memory that verify, or what is named, took, in KiB: as the kernel counts it for the program alone (wait4 counts what was before exec, too)."""
    words = words or ["verify", audit(size), "--key", key_file(size)]
    child = subprocess.Popen([BIN, "audit", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while child.poll() is None:
        # Of a process that has ended and was not waited for, nothing is told.
        told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
        most = max(most, int(told[1]) if told else 0)
    assert child.returncode == 0 and most > 0
    return most


def test_verify_takes_no_more_memory_for_a_log_ten_times_as_long():
    fewer, more = peak(FEWER), peak(MORE)
    entries = sum(file.stat().st_size for file in (audit(MORE) / "tile" / "entries").rglob("*") if file.is_file()) // 1024
    print(f"{FEWER} records: {fewer} KiB; {MORE} records, {entries} KiB: {more} KiB")
    assert more < fewer * 1.25 and more - fewer < entries // 4


def test_a_pack_ten_times_as_long_takes_no_more_memory_to_make_and_to_check(tmp_path):
    sizes = []
    for size in (FEWER_PROVEN, MORE_PROVEN):
        pack = tmp_path / f"{size}.tar.zst"
        made = peak(size, "evidence", "--data", LOGS / str(size), *EVER, "--out", pack)
        sizes.append((made, peak(size, "verify-evidence", pack, "--key", key_file(size))))
        print(f"{size} records, {pack.stat().st_size // 1024} KiB: made in {sizes[-1][0]} KiB, checked in {sizes[-1][1]} KiB")
    for fewer, more in zip(*sizes):
        assert more < fewer * 1.25 + 4096
