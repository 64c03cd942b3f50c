use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use self::commit::{Commit, failed};
use crate::Error;
use crate::model::{INDEX, SINGLE, index_files};

mod commit;

/// Models of the Hugging Face hub by their name, through the cache that Hugging Face's own libraries share.
///
/// Nothing is downloaded unless that is asked for: [`Hub::offline`] finds what lies in the cache. The folder that it gives
/// is loaded like any other. Pickled weights (`pytorch_model.bin`) are never fetched.
///
/// The cache is `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or `~/.cache/huggingface/hub`; the hub is `HF_ENDPOINT` or
/// huggingface.co; its token, for models that need one, is `HF_TOKEN` or the one that `hf auth login` keeps. A token goes
/// to the hub and, by hf-hub 0.5, also to the host that the hub sends whoever asks for a large file to.
///
/// ```no_run
/// use helm_llm::{Hub, LanguageModel};
///
/// let folder = Hub::online()?.folder("HuggingFaceTB/SmolLM2-135M", "main")?;
/// let model = LanguageModel::load(&folder, &helm_encoders::device("cpu")?)?;
/// # Ok::<(), helm_llm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    cache: PathBuf,
    endpoint: Option<String>,
    is_online: bool,
    shows_progress: bool,
}

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// What a model may have beside its configuration, tokenizer and weights.
const OPTIONAL: [&str; 4] =
    ["generation_config.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json"];

impl Hub {
    /// What lies in the cache, and no more.
    pub fn offline() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = match (variable("HF_HUB_CACHE"), variable("HF_HOME")) {
            (Some(cache), _) => cache.into(),
            (None, Some(home)) => Path::new(&home).join("hub"),
            (None, None) => std::env::home_dir().unwrap_or_default().join(".cache/huggingface/hub"),
        };
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
        Self { cache, endpoint, is_online: false, shows_progress: false }
    }

    /// What lies in the cache, and what the hub has, which is downloaded into the cache.
    ///
    /// # Errors
    /// [`Error::Hub`] if `HF_HUB_OFFLINE` forbids it.
    pub fn online() -> Result<Self, Error> {
        let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
        if matches!(offline.as_str(), "1" | "true" | "yes" | "on") {
            let (expected, found) = ("to be allowed to download".into(), format!("HF_HUB_OFFLINE={offline}"));
            return Err(Error::Hub { name: "download".into(), expected, found });
        }
        Ok(Self { is_online: true, ..Self::offline() })
    }

    /// Keeps models in this folder.
    pub fn with_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = folder.into();
        self
    }

    /// Downloads from this address.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Shows how far a download is, on standard error.
    pub fn with_progress(mut self) -> Self {
        self.shows_progress = true;
        self
    }

    /// The folder of a model, `owner/name`, at a revision: a branch ("main"), a tag or a commit.
    ///
    /// # Errors
    /// [`Error::Hub`] if the name or the revision is none, the cache lacks a file that must not be downloaded, the hub
    /// can't be reached, has no such model, or none with safetensors.
    pub fn folder(&self, name: &str, revision: &str) -> Result<PathBuf, Error> {
        check(name, revision)?;
        let repo = Repo::with_revision(name.into(), RepoType::Model, revision.into());
        let cached = Cached { name, revision, repo: Cache::new(self.cache.clone()).repo(repo.clone()) };
        match cached.folder() {
            Err(missing) if !self.is_online => Err(missing),
            Err(_) => {
                self.download(name, repo)?;
                cached.folder()
            }
            folder => folder,
        }
    }

    /// Downloads what the cache lacks of the commit that a revision stands for now.
    fn download(&self, name: &str, repo: Repo) -> Result<(), Error> {
        let cache = Cache::new(self.cache.clone());
        let api = self.api(&cache).map_err(|error| failed(name, "a connection", &error))?;
        let info = api.repo(repo.clone()).info().map_err(|error| failed(name, "the model", &error))?;
        check(name, &info.sha)?;
        let at_commit = Repo::with_revision(name.into(), RepoType::Model, info.sha.clone());
        let commit = Commit { name, api: api.repo(at_commit.clone()), cached: cache.repo(at_commit) };
        let files: BTreeSet<&str> = info.siblings.iter().map(|file| file.rfilename.as_str()).collect();
        for file in [CONFIG, TOKENIZER].into_iter().chain(OPTIONAL.into_iter().filter(|file| files.contains(file))) {
            commit.get(file)?;
        }
        if files.contains(SINGLE) {
            commit.get(SINGLE)?;
        } else if files.contains(INDEX) {
            let index = commit.get(INDEX)?;
            index_files(&index)?.iter().try_for_each(|file| commit.get(file).map(drop))?;
        } else {
            let (expected, found) = (format!("{SINGLE} or {INDEX} on the hub"), "neither".into());
            return Err(Error::Hub { name: name.into(), expected, found });
        }
        // Only now is the revision known to be whole.
        let revision = cache.repo(repo);
        revision.create_ref(&info.sha).map_err(|source| Error::Io { path: self.cache.clone(), source })
    }

    fn api(&self, cache: &Cache) -> Result<Api, ApiError> {
        let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty()).or_else(|| cache.token());
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_token(token).with_progress(self.shows_progress);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').into());
        }
        builder.build()
    }
}

/// A model in the cache.
struct Cached<'a> {
    name: &'a str,
    revision: &'a str,
    repo: CacheRepo,
}

impl Cached<'_> {
    /// Its folder, if all that must be there is.
    fn folder(&self) -> Result<PathBuf, Error> {
        let config = self.file(CONFIG)?;
        self.file(TOKENIZER)?;
        let folder = config.parent().unwrap_or(&config).to_path_buf();
        if self.find(SINGLE).is_none() {
            let index = self.find(INDEX).ok_or_else(|| self.missing(SINGLE))?;
            index_files(&index)?.iter().try_for_each(|file| self.file(file).map(drop))?;
        }
        Ok(folder)
    }

    fn file(&self, file: &str) -> Result<PathBuf, Error> {
        self.find(file).ok_or_else(|| self.missing(file))
    }

    fn find(&self, file: &str) -> Option<PathBuf> {
        // A commit has its folder, but perhaps no reference.
        let of_commit = || Some(self.repo.pointer_path(self.revision).join(file)).filter(|path| path.is_file());
        self.repo.get(file).or_else(of_commit)
    }

    fn missing(&self, file: &str) -> Error {
        let name = if self.revision == "main" { self.name.into() } else { format!("{}@{}", self.name, self.revision) };
        let expected = format!("{file} in the cache of the Hugging Face hub, or to be allowed to download");
        Error::Hub { name, expected, found: "neither".into() }
    }
}

/// Checks that a name and a revision are such, and lead nowhere else.
fn check(name: &str, revision: &str) -> Result<(), Error> {
    let plain = |part: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(fine) && !part.starts_with('.') && !part.contains("..")
    };
    let parts = name.split('/').count();
    if parts > 2 || !name.split('/').all(plain) || name.contains("--") {
        let expected = "the name of a model on the hub, owner/name".into();
        return Err(Error::Hub { name: name.into(), expected, found: "another text".into() });
    }
    if !revision.split('/').all(plain) {
        let expected = "a branch, a tag or a commit".into();
        return Err(Error::Hub { name: name.into(), expected, found: format!("{revision:?}") });
    }
    Ok(())
}
