//! Files on the disk: they are there while the run is, and where its disk fails
//! that is the host's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::{tree::ROOT, *};

const CREATE: Opening =
    Opening { create: true, write: true, directory: false, exclusive: false, truncate: false };

fn scratch(folder: &Path) -> Arc<Scratch> {
    let began = Datetime { seconds: 0, nanoseconds: 0 };
    Scratch::new(Arc::from(folder), Quota { bytes: 1 << 20, files: 10 }, began)
}

fn runs(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn no_name_of_a_guests_is_on_the_disk_and_nothing_remains() {
    let folder = tempfile::tempdir().unwrap();
    let files = scratch(folder.path());
    let file = files.open(ROOT, "the customers", CREATE).unwrap();
    assert!(runs(folder.path()).is_empty(), "made when there is something to keep");
    assert_eq!(files.write(file.node, Some(3), b"abc").unwrap(), 3);
    assert_eq!(files.write(file.node, None, b"def").unwrap(), 6);
    assert_eq!(files.read(file.node, 0, 100).unwrap(), b"\0\0\0abcdef");
    assert_eq!(files.read(file.node, 9, 100).unwrap(), b"");
    assert_eq!(files.read(file.node, u64::MAX, 100).unwrap(), b"");
    let run = runs(folder.path()).remove(0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&run).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    assert_eq!(runs(&run), [run.join(file.node.to_string())]);
    // Open, it is there without a name; closed, it is gone.
    files.ends(|tree| tree.unlink(ROOT, "the customers")).unwrap();
    assert_eq!(files.read(file.node, 6, 3).unwrap(), b"def");
    drop(file);
    assert!(runs(&run).is_empty());
    let file = files.open(ROOT, "another", CREATE).unwrap();
    files.resize(file.node, 1 << 20).unwrap();
    drop(files);
    drop(file);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn runs_at_once_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (scratch(folder.path()), scratch(folder.path()));
    let file = one.open(ROOT, "a", CREATE).unwrap();
    one.write(file.node, None, b"one").unwrap();
    assert!(other.open(ROOT, "a", Opening::default()).is_err());
    let same = other.open(ROOT, "a", CREATE).unwrap();
    assert_eq!(other.read(same.node, 0, 10).unwrap(), b"");
    other.write(same.node, None, b"other").unwrap();
    assert_eq!(one.read(file.node, 0, 10).unwrap(), b"one");
}

#[test]
fn a_disk_that_fails_is_the_hosts_fault() {
    let folder = tempfile::tempdir().unwrap();
    let files = scratch(folder.path());
    let file = files.open(ROOT, "a", CREATE).unwrap();
    files.write(file.node, None, b"abc").unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    let failed = files.write(file.node, None, b"abc").unwrap_err();
    assert!(
        matches!(&failed, Failed::Stop(Stop::HostFailed(why)) if why.starts_with("scratch files: ")),
        "{failed:?}"
    );
}

#[test]
fn what_a_crash_left_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    sweep(&scratch).unwrap();
    fs::create_dir_all(scratch.join("run-abcdef")).unwrap();
    fs::write(scratch.join("run-abcdef/1"), "left").unwrap();
    sweep(&scratch).unwrap();
    assert!(!scratch.exists());
}
