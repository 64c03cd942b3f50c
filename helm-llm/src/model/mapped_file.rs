use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::Mmap;

/// The bytes of a file, mapped into memory: they are read from the disk where they are used.
#[allow(unsafe_code)]
pub(super) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: a mapping must not change while it is borrowed. Nothing here writes to it, and the file of a model is
    // taken to stay as it is while the model is loaded, as every program that maps its weights does; the documentation
    // of `LanguageModel::load` says so. A file that another program truncates meanwhile ends this one by a signal.
    let map = unsafe { Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
