"""Trees of hashes: each leaf's path leads to the root, nothing else does."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from certificates import merkle

leaves = st.lists(st.binary(max_size=6), min_size=1, max_size=70)


def by_the_book(data: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 word by word: split at the largest power of two below the size."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    split = 1 << (len(data) - 1).bit_length() - 1
    return sha256(b"\x01" + by_the_book(data[:split]) + by_the_book(data[split:])).digest()


def test_the_roots_of_the_test_vectors_of_certificate_transparency():
    data = [
        bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
    ]
    roots = [merkle.root(data[:size]).hex() for size in range(9)]

    assert roots[0] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert roots[1] == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[2] == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert roots[3] == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert roots[7] == "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
    assert roots[8] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.lists(st.binary(max_size=6), max_size=70))
def test_the_growing_tree_and_the_whole_one_have_the_root_of_the_book(data):
    assert merkle.root(data) == by_the_book(data)
    if data:
        assert merkle.levels(data)[-1] == [by_the_book(data)]


@given(leaves)
def test_every_leaf_has_a_path_to_the_root(data):
    tree, root = merkle.levels(data), merkle.root(data)
    for index, leaf in enumerate(data):
        assert merkle.root_by_path(leaf, index, len(data), merkle.path(tree, index)) == root


@given(leaves, st.data())
def test_no_other_leaf_place_or_path_leads_there(data, draw):
    tree, root = merkle.levels(data), merkle.root(data)
    index = draw.draw(st.integers(0, len(data) - 1))
    path = merkle.path(tree, index)
    other = draw.draw(st.binary(max_size=70).filter(lambda leaf: leaf != data[index]))
    assert merkle.root_by_path(other, index, len(data), path) != root

    elsewhere = draw.draw(st.integers(-1, len(data)).filter(lambda at: at != index))
    if not 0 <= elsewhere < len(data) or data[elsewhere] != data[index]:
        assert merkle.root_by_path(data[index], elsewhere, len(data), path) != root

    shorter, longer = path[:-1], [*path, root]
    if path:
        assert merkle.root_by_path(data[index], index, len(data), shorter) != root
        swapped = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
        assert merkle.root_by_path(data[index], index, len(data), swapped) != root
    assert merkle.root_by_path(data[index], index, len(data), longer) != root


def test_a_node_passes_for_no_leaf():
    left, right = b"a", b"b"
    inside = merkle.leaf(left) + merkle.leaf(right)

    assert merkle.root([inside]) != merkle.root([left, right])


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_what_is_hashed_has_one_form(values):
    turned = dict(reversed(values.items()))
    assert merkle.canonical(values) == merkle.canonical(turned)
    assert len({merkle.entry_hash(values), merkle.root_hash(values), merkle.facts_hash(merkle.canonical(values))}) == 3
