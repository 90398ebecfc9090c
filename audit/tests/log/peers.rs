//! Our tree and notes against other people's implementations of the same specifications.

use audit::note::{Checkpoint, SignedNote, SigningKey, VerifierKey};
use audit::tree::{Frontier, Hash, Tree, check_consistency, check_inclusion, empty, leaf};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::tlog;

use super::harness::{key, name, public};

const SIZE: u64 = 70;

fn line(index: u64) -> Vec<u8> {
    format!("line {index}").into_bytes()
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    (0..size).for_each(|index| tree.push(leaf(&line(index))));
    tree
}

fn theirs(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(line(index)));
    tree
}

fn bytes(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn roots_and_proofs_are_those_of_ct_merkle() {
    let ours = tree(SIZE);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), empty());
    for size in 1..=SIZE {
        frontier.push(leaf(&line(size - 1)));
        let theirs = theirs(size);
        let root = ours.root_at(size).unwrap();
        assert_eq!(&root.0[..], theirs.root().as_bytes().as_slice(), "root of {size}");
        assert_eq!(frontier.root(), root);
        for index in 0..size {
            let path = ours.inclusion(index, size).unwrap();
            let place = usize::try_from(index).unwrap();
            assert_eq!(bytes(&path), theirs.prove_inclusion(place).as_bytes(), "{index} in {size}");
            assert!(check_inclusion(leaf(&line(index)), index, size, &root, &path));
        }
        for old in 1..size {
            let path = ours.consistency(old, size).unwrap();
            let added = usize::try_from(size - old).unwrap();
            assert_eq!(bytes(&path), theirs.prove_consistency(added).as_bytes(), "{old} to {size}");
            let old_root = ours.root_at(old).unwrap();
            assert!(check_consistency(old, &old_root, size, &root, &path));
        }
    }
}

/// Every stored hash of a tlog, in its order.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

#[test]
fn proofs_are_those_of_tlog_tiles() {
    let mut stored = Stored(Vec::new());
    for index in 0..SIZE {
        let hashes = tlog::stored_hashes(index, &line(index), &stored).unwrap();
        stored.0.extend(hashes);
    }
    let ours = tree(SIZE);
    let same = |path: &[Hash], theirs: &[tlog::Hash]| {
        path.iter().map(|hash| hash.0).eq(theirs.iter().map(|hash| hash.0))
    };
    for size in 1..=SIZE {
        assert_eq!(ours.root_at(size).unwrap().0, tlog::tree_hash(size, &stored).unwrap().0);
        let index = size / 3;
        let theirs = tlog::prove_record(size, index, &stored).unwrap();
        assert!(same(&ours.inclusion(index, size).unwrap(), &theirs), "{index} in {size}");
        let old = (size / 2).max(1);
        let theirs = tlog::prove_tree(size, old, &stored).unwrap();
        assert!(same(&ours.consistency(old, size).unwrap(), &theirs), "{old} to {size}");
    }
}

#[test]
fn a_proof_with_anything_changed_is_none() {
    let ours = tree(SIZE);
    for (index, old, size) in [(0, 1, 2), (3, 4, 7), (31, 32, 33), (40, 41, 64), (69, 50, 70)] {
        let root = ours.root_at(size).unwrap();
        let was = ours.root_at(old).unwrap();
        let path = ours.inclusion(index.min(size - 1), size).unwrap();
        let grown = ours.consistency(old, size).unwrap();
        let at = index.min(size - 1);
        let of = leaf(&line(index.min(size - 1)));
        assert!(check_inclusion(of, at, size, &root, &path));
        assert!(check_consistency(old, &was, size, &root, &grown));
        for place in 0..path.len() {
            let mut spoiled = path.clone();
            spoiled[place].0[0] ^= 1;
            assert!(!check_inclusion(of, at, size, &root, &spoiled));
        }
        for place in 0..grown.len() {
            let mut spoiled = grown.clone();
            spoiled[place].0[0] ^= 1;
            assert!(!check_consistency(old, &was, size, &root, &spoiled));
        }
        let longer = [path.clone(), vec![root]].concat();
        assert!(!check_inclusion(of, at, size, &root, &longer));
        assert!(!check_inclusion(of, at, size, &root, &path[1..]));
        assert!(!check_inclusion(of, at + 1, size, &root, &path));
        assert!(!check_consistency(old, &was, size, &root, &[grown, vec![root]].concat()));
        assert!(!check_consistency(old, &root, size, &was, &[]));
        assert!(!check_consistency(size, &root, old, &was, &[]));
    }
    assert!(!check_inclusion(leaf(b""), 0, 0, &empty(), &[]));
    // From nothing everything follows, but nothing has one root only.
    let root = ours.root_at(SIZE).unwrap();
    assert!(check_consistency(0, &empty(), SIZE, &root, &[]));
    assert!(!check_consistency(0, &root, SIZE, &root, &[]));
}

#[test]
fn a_tree_that_goes_on_after_its_frontier_proves_the_rest() {
    let whole = tree(SIZE);
    for archived in 0..=SIZE {
        let mut frontier = Frontier::new();
        (0..archived).for_each(|index| frontier.push(leaf(&line(index))));
        let mut rest = Tree::after(&frontier);
        (archived..SIZE).for_each(|index| rest.push(leaf(&line(index))));
        for size in archived..=SIZE {
            assert_eq!(rest.root_at(size), whole.root_at(size), "{archived}: root of {size}");
            for index in archived..size {
                assert_eq!(rest.inclusion(index, size), whole.inclusion(index, size));
            }
            for old in archived..=size {
                assert_eq!(rest.consistency(old, size), whole.consistency(old, size));
            }
        }
    }
}

/// A peer that saw an archived state is shown how the log went on, whatever was archived since, and in how many steps.
#[test]
fn kept_subtrees_prove_how_a_tree_went_on_from_archived_states() {
    let whole = tree(SIZE);
    let frontier = |size| {
        let mut frontier = Frontier::new();
        (0..size).for_each(|index| frontier.push(leaf(&line(index))));
        frontier
    };
    for old in 0..=SIZE {
        for archived in old..=SIZE {
            let kept = whole.subtrees(old, archived).unwrap();
            assert!(kept.len() <= 2 * 7, "{}", kept.len());
            let mut rest = Tree::after(&frontier(archived)).with_kept(&kept);
            (archived..SIZE).for_each(|index| rest.push(leaf(&line(index))));
            assert_eq!(rest.root_at(old), whole.root_at(old), "{old} of {archived}");
            for size in archived..=SIZE {
                assert_eq!(rest.consistency(old, size), whole.consistency(old, size));
            }
            // Archived once more, from what is left.
            let later = (archived + 13).min(SIZE);
            let kept = rest.subtrees(old, later).unwrap();
            assert_eq!(kept, whole.subtrees(old, later).unwrap(), "{old} of {archived}");
        }
    }
    let rest = Tree::after(&frontier(SIZE));
    assert!(rest.subtrees(SIZE - 1, SIZE).is_err(), "what was not kept is not made up");
    assert!(rest.subtrees(3, SIZE + 1).is_err());
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: name("site-a.1"), size: SIZE, root: tree(SIZE).root_at(SIZE).unwrap() }
}

#[test]
fn signed_note_reads_ours() {
    let mut note = checkpoint().sign(&key("site-a")).unwrap();
    note.cosign(&key("centre")).unwrap();
    let text = note.to_string();
    let theirs = Note::from_bytes(text.as_bytes()).unwrap();
    let verifier = |node| StandardVerifier::new(&public(node).to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier("site-a")), Box::new(verifier("centre"))]);
    let (verified, unverified) = theirs.verify(&known).unwrap();
    assert_eq!((verified.len(), unverified.len()), (2, 0));
    assert_eq!(theirs.to_bytes(), text.as_bytes());
    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((read.origin(), read.size()), ("site-a.1", SIZE));
    assert_eq!(read.hash().0, checkpoint().root.0);
    assert_eq!(SignedNote::parse(&text).unwrap(), note);
}

#[test]
fn we_read_what_signed_note_wrote() {
    let secret = key("site-a").to_secret_text().unwrap();
    let signer = StandardSigner::new(&secret).unwrap();
    let mut theirs = Note::new(checkpoint().to_string().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    let text = String::from_utf8(theirs.to_bytes()).unwrap();
    let note = SignedNote::parse(&text).unwrap();
    assert_eq!(Checkpoint::open(&note, &public("site-a")).unwrap(), checkpoint());
    // Ed25519 is deterministic: both sign alike.
    assert_eq!(note, checkpoint().sign(&key("site-a")).unwrap());
    let again = SigningKey::from_secret_text(&secret).unwrap();
    assert_eq!(again.verifier(), &public("site-a"));
}

#[test]
fn the_specifications_example_verifies() {
    // From the documentation of Go's golang.org/x/mod/sumdb/note, which C2SP signed-note describes.
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\
                \n\
                — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    // Names of logs are lowercase here: that note's signer is none.
    assert!(SignedNote::parse(text).is_err());
    let verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert!(verifier.parse::<VerifierKey>().is_err());
}

#[test]
fn keys_and_notes_with_anything_changed_are_refused() {
    let good = public("site-a").to_string();
    assert!(good.parse::<VerifierKey>().is_ok());
    for place in 0..good.len() {
        let mut spoiled = good.clone().into_bytes();
        spoiled[place] = if spoiled[place] == b'0' { b'1' } else { b'0' };
        let spoiled = String::from_utf8(spoiled).unwrap();
        assert!(spoiled.parse::<VerifierKey>().is_err(), "{spoiled}");
    }
    let note = checkpoint().sign(&key("site-a")).unwrap().to_string();
    for (place, _) in note.char_indices() {
        for with in ["", "x", "\n", "\u{7}"] {
            let spoiled =
                format!("{}{with}{}", &note[..place], &note[place..].get(1..).unwrap_or(""));
            if spoiled == note {
                continue;
            }
            let read = SignedNote::parse(&spoiled);
            let opened = read.and_then(|note| Checkpoint::open(&note, &public("site-a")));
            assert!(opened.is_err(), "{spoiled:?}");
        }
    }
}
