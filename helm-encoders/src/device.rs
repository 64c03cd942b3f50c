use burn::tensor::Device;

use crate::Error;

/// The device that a user's word names: `cpu`, `wgpu`, `tch` or `cuda:0`, as far as this build has the backend.
///
/// This and the operations of the CPU in `spirogram/padded` are the only places in helm that name a backend.
///
/// # Errors
/// [`Error::Device`] for another word, or for a backend that this build was made without.
///
/// ```
/// let device = helm_encoders::device("cpu")?;
/// assert!(!device.is_autodiff());
/// assert!(helm_encoders::device("abacus").is_err());
/// # Ok::<(), helm_encoders::Error>(())
/// ```
pub fn device(name: &str) -> Result<Device, Error> {
    let unknown = |expected: &str| Error::Device { name: name.into(), expected: expected.into() };
    let number = |text: &str| text.parse().map_err(|_| unknown("a device number after the colon, as in \"cuda:0\""));
    #[cfg_attr(not(feature = "cuda"), allow(unused_variables, reason = "only this backend has numbered devices"))]
    let (backend, index): (&str, usize) = match name.split_once(':') {
        Some(("cuda", index)) => ("cuda", number(index)?),
        Some(_) => return Err(unknown("cpu, wgpu, tch or cuda:N; only cuda has numbered devices")),
        None => (name, 0),
    };
    match backend {
        #[cfg(feature = "flex")]
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "tch")]
        #[allow(deprecated, reason = "burn-tch works at this version; it leaves burn with 0.23")]
        "tch" => Ok(Device::libtorch()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(index)),
        #[cfg(not(feature = "flex"))]
        "cpu" => Err(unknown("a build with the feature \"flex\" for it (cargo's --features flex)")),
        #[cfg(not(all(feature = "wgpu", feature = "tch", feature = "cuda")))]
        #[allow(unreachable_patterns, reason = "what this build has was taken above")]
        "wgpu" | "tch" | "cuda" => {
            Err(unknown(&format!("a build with the feature {backend:?} for it (cargo's --features {backend})")))
        }
        _ => Err(unknown("cpu, wgpu, tch or cuda:N")),
    }
}
