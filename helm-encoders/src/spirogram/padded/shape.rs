use faer::MatRef;

/// How long a sequence is stored: a row of zeros in front of it and at least one behind it, an even number of rows.
pub(super) fn pitch(length: usize) -> usize {
    (length + 2).next_multiple_of(2)
}

/// The sizes of a convolution on padded sequences.
///
/// Its products are of few, large matrices, because what a kernel meets lies in the sequences as it is: with channels
/// last and a row of zeros between sequences, the `kernel` rows from a row on are one row of the matrix that others copy
/// together (im2col), and the next one begins `stride` rows later. Some products begin in a sequence and end in the next
/// one; nobody reads them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvShape {
    pub(super) batch: usize,
    /// Positions of a sequence that comes in.
    pub(super) length: usize,
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    /// 1 or 3.
    pub(super) kernel: usize,
    /// 1; or 2, of a kernel of 3.
    pub(super) stride: usize,
}

impl ConvShape {
    /// Rows of a sequence that comes in.
    pub(super) fn pitch_in(&self) -> usize {
        pitch(self.length)
    }

    /// Positions of a sequence that comes out.
    pub(super) fn length_out(&self) -> usize {
        self.length.div_ceil(self.stride)
    }

    /// Rows of a sequence that comes out.
    pub(super) fn pitch_out(&self) -> usize {
        pitch(self.length_out())
    }

    /// Rows of a sequence's products: its [`length_out`](Self::length_out), and some that nobody reads.
    pub(super) fn pitch_products(&self) -> usize {
        self.pitch_in() / self.stride
    }

    /// Values that meet a kernel.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.channels_in
    }

    /// The values that come out.
    pub(super) fn n(&self) -> usize {
        self.batch * self.length_out()
    }

    /// What the kernel meets, `[products of the whole batch, taps]`.
    pub(super) fn columns<'a>(&self, x: &'a [f32]) -> MatRef<'a, f32> {
        let channels = self.channels_in;
        // A kernel of one value meets the value itself, which stands behind a row of zeros.
        let first = (3 - self.kernel) / 2;
        let rows = (self.batch * self.pitch_in() - first - self.kernel) / self.stride + 1;
        MatRef::from_row_major_slice_with_stride(&x[first * channels..], rows, self.taps(), self.stride * channels)
    }
}
