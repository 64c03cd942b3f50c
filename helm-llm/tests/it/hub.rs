//! Models by name, from a cache and from a small server that answers as the hub does. No test leaves this machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use helm_llm::{Hub, LanguageModel};

use crate::models::{device, tiny_folder};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache with the tiny model as `made/tiny`, without a file.
fn cache(without: &str) -> tempfile::TempDir {
    let cache = tempfile::tempdir().unwrap();
    let model = cache.path().join("models--made--tiny");
    let snapshot = model.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(model.join("refs")).unwrap();
    std::fs::write(model.join("refs/main"), COMMIT).unwrap();
    for (file, bytes) in tiny_files().into_iter().filter(|(file, _)| file != without) {
        std::fs::write(snapshot.join(file), bytes).unwrap();
    }
    cache
}

fn tiny_files() -> BTreeMap<String, Vec<u8>> {
    let files = ["config.json", "model.safetensors", "tokenizer.json"];
    files.map(|file| (file.to_owned(), std::fs::read(tiny_folder().join(file)).unwrap())).into()
}

#[test]
fn what_lies_in_the_cache_is_found_by_branch_and_by_commit() {
    let cache = cache("");
    let hub = Hub::offline().with_cache(cache.path());
    for revision in ["main", COMMIT] {
        let folder = hub.folder("made/tiny", revision).unwrap();
        LanguageModel::load(&folder, &device()).unwrap();
    }
    let message = hub.folder("made/tiny", "other").unwrap_err().to_string();
    assert!(message.contains("made/tiny@other") && message.contains("config.json"), "{message}");
}

#[test]
fn offline_a_missing_file_is_named_and_not_downloaded() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let cache = cache(file);
        let hub = Hub::offline().with_cache(cache.path()).with_endpoint("http://127.0.0.1:9");
        let message = hub.folder("made/tiny", "main").unwrap_err().to_string();
        assert!(message.contains(file) && message.contains("allowed to download"), "{message}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let cache = cache("");
    let hub = Hub::offline().with_cache(cache.path());
    for name in ["", "/", "../x", "a/..", "a/b/c", "/etc", "a//b", "a b", "made--tiny", ".hidden", "a/\u{e9}", "a\\b"] {
        let message = hub.folder(name, "main").unwrap_err().to_string();
        assert!(message.contains("owner/name"), "{message}");
    }
    for revision in ["", "../..", "a//b", "a b", "/main"] {
        let message = hub.folder("made/tiny", revision).unwrap_err().to_string();
        assert!(message.contains("a branch, a tag or a commit"), "{message}");
    }
}

/// What a made hub does.
#[derive(Clone, Copy, PartialEq)]
enum Serves {
    Tiny,
    /// The same with two files of weights.
    Sharded,
    /// Ends in the middle of the weights.
    Half,
    /// The same, without having said how long they are.
    HalfOfUnknown,
    Pickle,
    Nothing,
}

/// A hub that serves `made/tiny` for as long as the program runs; its address.
fn serve(serves: Serves) -> String {
    let mut files = tiny_files();
    if serves == Serves::Sharded {
        let weights = files.remove("model.safetensors").unwrap();
        files.insert("model-00001-of-00001.safetensors".into(), weights.clone());
        let tensors = safetensors_names(&weights);
        let map: BTreeMap<_, _> = tensors.iter().map(|name| (name, "model-00001-of-00001.safetensors")).collect();
        let index = serde_json::json!({ "metadata": {}, "weight_map": map });
        files.insert("model.safetensors.index.json".into(), index.to_string().into_bytes());
    }
    if serves == Serves::Pickle {
        let weights = files.remove("model.safetensors").unwrap();
        files.insert("pytorch_model.bin".into(), weights);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that goes away is no fault here.
            let _ = respond(stream.unwrap(), &files, serves);
        }
    });
    address
}

fn safetensors_names(bytes: &[u8]) -> Vec<String> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header.into_iter().map(|(name, _)| name).filter(|name| name != "__metadata__").collect()
}

fn respond(mut stream: TcpStream, files: &BTreeMap<String, Vec<u8>>, serves: Serves) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut from = 0;
    let mut only_first = false;
    for line in lines.by_ref() {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            only_first = range == "0-0";
            from = range.split('-').next().unwrap().parse().unwrap();
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    // The branch is asked for once, its files by the commit.
    let found = match path.strip_prefix(&format!("/made/tiny/resolve/{COMMIT}/")) {
        _ if serves == Serves::Nothing => None,
        Some(file) => files.get(file).cloned(),
        None if path == "/api/models/made/tiny/revision/main" => {
            let siblings: Vec<_> = files.keys().map(|file| serde_json::json!({ "rfilename": file })).collect();
            Some(serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string().into_bytes())
        }
        None => None,
    };
    let Some(body) = found else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let part = if only_first { &body[..1] } else { &body[from..] };
    write!(stream, "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Type: application/json\r\n")?;
    write!(stream, "ETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\n", path.replace('/', "_"))?;
    write!(stream, "Content-Range: bytes {from}-{}/{}\r\n", from + part.len() - 1, body.len())?;
    let is_weights = path.ends_with(".safetensors") && !only_first;
    if !(is_weights && serves == Serves::HalfOfUnknown) {
        write!(stream, "Content-Length: {}\r\n", part.len())?;
    }
    write!(stream, "\r\n")?;
    let half = is_weights && matches!(serves, Serves::Half | Serves::HalfOfUnknown);
    stream.write_all(if half { &part[..part.len() / 2] } else { part })
}

fn download(serves: Serves, cache: &Path) -> Result<std::path::PathBuf, helm_llm::Error> {
    let online = Hub::online().expect("HF_HUB_OFFLINE is not set where this test runs");
    online.with_cache(cache).with_endpoint(serve(serves)).folder("made/tiny", "main")
}

#[test]
fn what_the_cache_lacks_is_downloaded_once() {
    for serves in [Serves::Tiny, Serves::Sharded] {
        let cache = tempfile::tempdir().unwrap();
        let folder = download(serves, cache.path()).unwrap();
        LanguageModel::load(&folder, &device()).unwrap();
        assert!(folder.ends_with(COMMIT));
        // No server is asked again.
        let again = Hub::offline().with_cache(cache.path()).folder("made/tiny", "main").unwrap();
        assert_eq!(again, folder);
    }
}

/// The cache holds a part of an older commit, as a stopped download leaves it.
#[test]
fn files_of_two_commits_are_not_mixed() {
    let cache = tempfile::tempdir().unwrap();
    let model = cache.path().join("models--made--tiny");
    let old = model.join("snapshots/1111111111111111111111111111111111111111");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::create_dir_all(model.join("refs")).unwrap();
    std::fs::write(model.join("refs/main"), "1111111111111111111111111111111111111111").unwrap();
    std::fs::write(old.join("config.json"), "{}").unwrap();
    let folder = download(Serves::Tiny, cache.path()).unwrap();
    assert!(folder.ends_with(COMMIT));
    LanguageModel::load(&folder, &device()).unwrap();
}

#[test]
fn a_hub_without_the_model_or_its_weights_is_an_error() {
    for (serves, expected) in [
        (Serves::Nothing, "the model on the hub"),
        (Serves::Pickle, "model.safetensors or model.safetensors.index.json on the hub"),
        (Serves::Half, "model.safetensors on the hub"),
        (Serves::HalfOfUnknown, "the whole of model.safetensors from the hub"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let message = download(serves, cache.path()).unwrap_err().to_string();
        assert!(message.contains("made/tiny") && message.contains(expected), "{message}");
        assert!(Hub::offline().with_cache(cache.path()).folder("made/tiny", "main").is_err());
    }
}

#[test]
fn a_broken_download_leaves_nothing_that_the_next_one_trips_over() {
    for broken in [Serves::Half, Serves::HalfOfUnknown] {
        let cache = tempfile::tempdir().unwrap();
        download(broken, cache.path()).unwrap_err();
        let folder = download(Serves::Tiny, cache.path()).unwrap();
        let weights = std::fs::read(folder.join("model.safetensors")).unwrap();
        assert!(weights == std::fs::read(tiny_folder().join("model.safetensors")).unwrap());
        LanguageModel::load(&folder, &device()).unwrap();
    }
}

/// Set in a process that says what its variables make of the hub.
const SAYS: &str = "HELM_TEST_HUB_SAYS";

#[test]
#[expect(clippy::print_stdout, reason = "the other process answers so")]
fn variables_choose_the_cache_forbid_downloads_and_show_no_token() {
    if std::env::var_os(SAYS).is_some() {
        let online = Hub::online();
        let found = online.as_ref().map(|hub| hub.folder("made/tiny", "main"));
        println!("{:?} {online:?} {found:?}", Hub::offline().folder("made/tiny", "main"));
        return;
    }
    let cache = cache("");
    let home = tempfile::tempdir().unwrap();
    std::fs::rename(cache.path(), home.path().join("hub")).unwrap();
    let (hub, empty) = (home.path().join("hub"), home.path().join("empty"));
    let says = |variables: &[(&str, &Path)]| {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        process.args(["hub::variables_choose_the_cache_forbid_downloads_and_show_no_token", "--exact", "--nocapture"]);
        for name in ["HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"] {
            process.env_remove(name);
        }
        // Nobody answers there.
        process.env(SAYS, "").env("HF_ENDPOINT", "http://127.0.0.1:9").env("HF_TOKEN", "hf_secret");
        let output = process.envs(variables.iter().copied()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !text.contains("hf_secret"), "{text}");
        text
    };
    for (name, folder) in [("HF_HOME", home.path()), ("HF_HUB_CACHE", &hub)] {
        let text = says(&[(name, folder)]);
        assert_eq!(text.matches(COMMIT).count(), 2, "{text}");
    }
    // The cache's own variable goes before.
    let text = says(&[("HF_HOME", home.path()), ("HF_HUB_CACHE", &empty)]);
    assert!(text.contains("config.json in the cache") && text.contains("the model on the hub"), "{text}");
    for forbids in ["1", "true", "YES", "on"] {
        let text = says(&[("HF_HUB_CACHE", &hub), ("HF_HUB_OFFLINE", Path::new(forbids))]);
        assert!(text.contains("HF_HUB_OFFLINE=") && text.matches(COMMIT).count() == 1, "{text}");
    }
}
