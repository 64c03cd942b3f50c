use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::SeriesInput;

/// A batch of series cut into patches of as many moments.
///
/// ```text
/// moments  ▒▒▒▒|▒▒··|····|    ▒ valid, · not recorded or past the end
/// empty      no    no   yes
/// ```
///
/// A patch holds the samples of each channel, then its mask, so that a sample of 0 and a missing one are not the same.
pub(crate) struct Patches {
    /// `[batch, n_patches, (n_channels + 1) * patch_samples]`
    pub(crate) values: Tensor<3>,
    /// Which patches have no valid sample, `[batch, n_patches]`.
    pub(crate) empty: Tensor<2, Bool>,
}

/// Patches of an input, up to its last valid moment.
pub(crate) fn n_patches(input: &SeriesInput, patch_samples: usize) -> usize {
    let end = input.valid().iter().rposition(|&valid| valid).map_or(0, |last| last + 1);
    end.div_ceil(patch_samples)
}

impl Patches {
    /// # Panics
    /// If there is no input, or one has another number of channels.
    pub(crate) fn new(inputs: &[&SeriesInput], n_channels: usize, patch_samples: usize, device: &Device) -> Self {
        let n =
            inputs.iter().map(|input| n_patches(input, patch_samples)).max().expect("a batch of at least one series");
        let width = (n_channels + 1) * patch_samples;
        let mut values = vec![0.0f32; inputs.len() * n * width];
        let mut is_empty = Vec::with_capacity(inputs.len());
        for (input, patches) in inputs.iter().zip(values.chunks_mut(n * width)) {
            assert_eq!(input.n_channels(), n_channels, "channels of a series");
            let mut empty = vec![true; n];
            for (index, patch) in patches.chunks_mut(width).enumerate() {
                let moments = index * patch_samples..((index + 1) * patch_samples).min(input.len());
                for (place, moment) in moments.enumerate() {
                    if input.valid()[moment] {
                        empty[index] = false;
                        for channel in 0..n_channels {
                            patch[channel * patch_samples + place] = input.channel(channel)[moment];
                        }
                        patch[n_channels * patch_samples + place] = 1.0;
                    }
                }
            }
            is_empty.push(empty);
        }
        Self {
            values: Tensor::from_data(TensorData::new(values, [inputs.len(), n, width]), device),
            empty: flags(&is_empty, device),
        }
    }
}

/// Rows of flags of one length as a tensor `[rows, columns]`.
pub(crate) fn flags(rows: &[Vec<bool>], device: &Device) -> Tensor<2, Bool> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), device)
}
