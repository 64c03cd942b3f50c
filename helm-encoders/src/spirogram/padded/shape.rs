use faer::MatRef;

/// How many rows a sequence takes: a row of zeros, its values, and rows of zeros up to an even number, at least one.
pub(super) fn pitch(length: usize) -> usize {
    (length + 2).next_multiple_of(2)
}

/// The sizes of a convolution on padded sequences.
///
/// Its products are of few, large matrices. What others copy together for that (im2col) lies in the sequences as it is:
/// with channels last, the three rows from a row on are what a kernel meets, and the next three begin `stride` rows later.
/// Two sequences of three positions, a row a letter:
///
/// ```text
/// rows               0 a b c 0 0 0 d e f 0 0
/// stride 1           0ab abc bc0 c00 000 00d 0de def ef0 f00     a b c – – – d e f –
/// stride 2           0ab     bc0     000     0de     ef0         a   c   –   d   f
/// ```
///
/// The right column says whose product it is. Those in between (–) begin in a sequence and end behind it; nobody reads
/// them.
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

    /// Values of a channel that come out.
    pub(super) fn values_per_channel(&self) -> usize {
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
