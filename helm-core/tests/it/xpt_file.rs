//! A writer of SAS transport files, version 5, by TS-140, for tests: it writes what it is told, lies included.

/// One variable of a file.
#[derive(Clone, Debug)]
pub(crate) struct Var {
    /// 1 is a number, 2 text.
    pub(crate) kind: u16,
    pub(crate) length: u16,
    pub(crate) name: Vec<u8>,
    pub(crate) label: Vec<u8>,
    /// Where it says it stands in a row; `None` is the truth.
    pub(crate) position: Option<u32>,
}

impl Var {
    pub(crate) fn number(name: &str, length: u16) -> Self {
        Self { kind: 1, length, name: name.into(), label: format!("label of {name}").into(), position: None }
    }

    pub(crate) fn text(name: &str, length: u16) -> Self {
        Self { kind: 2, ..Self::number(name, length) }
    }
}

/// A file with one data set.
#[derive(Clone, Debug)]
pub(crate) struct XptFile {
    pub(crate) vars: Vec<Var>,
    /// The rows, each a cell a variable; a cell is filled up with blanks.
    pub(crate) rows: Vec<Vec<Vec<u8>>>,
    /// What the header says of the number of variables; `None` is the truth.
    pub(crate) n_vars: Option<String>,
    /// What the header says of the descriptors' length.
    pub(crate) descriptor_length: String,
}

impl XptFile {
    pub(crate) fn new(vars: Vec<Var>, rows: Vec<Vec<Vec<u8>>>) -> Self {
        Self { vars, rows, n_vars: None, descriptor_length: "0140".into() }
    }

    /// Bytes in front of the first row.
    pub(crate) fn header_length(&self) -> usize {
        8 * 80 + (self.vars.len() * self.real_descriptor_length()).next_multiple_of(80) + 80
    }

    /// Bytes of a row.
    pub(crate) fn row_length(&self) -> usize {
        self.vars.iter().map(|var| usize::from(var.length)).sum()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let zeros = "0".repeat(30);
        let mut out = header("LIBRARY", &zeros);
        out.extend(record(b"SAS     SAS     SASLIB  9.3     W32_7PRO                        12JUN13:09:48:00"));
        out.extend(record(b"12JUN13:09:48:00"));
        out.extend(self.data_set());
        out
    }

    /// The data set with all its headers: several may follow one another in a file.
    pub(crate) fn data_set(&self) -> Vec<u8> {
        let zeros = "0".repeat(30);
        let mut out = header("MEMBER", &format!("00000000000000000160000000{}", self.descriptor_length));
        out.extend(header("DSCRPTR", &zeros));
        out.extend(record(b"SAS     TEST    SASDATA 9.3     W32_7PRO                        12JUN13:09:48:00"));
        out.extend(record(b"12JUN13:09:48:00"));
        let n_vars = self.n_vars.clone().unwrap_or(format!("{:04}", self.vars.len()));
        out.extend(header("NAMESTR", &format!("000000{n_vars}00000000000000000000")));
        let mut position = 0;
        for (index, var) in self.vars.iter().enumerate() {
            let start = out.len();
            for number in [var.kind, 0, var.length, index as u16 + 1] {
                out.extend(number.to_be_bytes());
            }
            out.extend(padded(&var.name, 8));
            out.extend(padded(&var.label, 40));
            out.extend(padded(b"", 8)); // The format's name; its width, decimals, justification and two unused bytes:
            out.extend([0; 8]);
            out.extend(padded(b"", 8)); // The informat's name; its width and decimals:
            out.extend([0; 4]);
            out.extend(var.position.unwrap_or(position).to_be_bytes());
            out.resize(start + self.real_descriptor_length(), 0);
            position += u32::from(var.length);
        }
        out.resize(out.len().next_multiple_of(80), b' ');
        out.extend(header("OBS", &zeros));
        for row in &self.rows {
            for (cell, var) in row.iter().zip(&self.vars) {
                out.extend(padded(cell, var.length.into()));
            }
        }
        // The whole file is made of records of 80 bytes, and so is every part so far.
        out.resize(out.len().next_multiple_of(80), b' ');
        out
    }

    fn real_descriptor_length(&self) -> usize {
        if self.descriptor_length == "0136" { 136 } else { 140 }
    }
}

/// A header record.
pub(crate) fn header(word: &str, digits: &str) -> Vec<u8> {
    record(format!("HEADER RECORD*******{word:<8}HEADER RECORD!!!!!!!{digits}").as_bytes())
}

fn record(content: &[u8]) -> Vec<u8> {
    padded(content, 80)
}

fn padded(content: &[u8], length: usize) -> Vec<u8> {
    let mut out = content.to_vec();
    assert!(out.len() <= length, "{} bytes for {length}", out.len());
    out.resize(length, b' ');
    out
}

/// A number as an IBM float of 8 bytes: all 53 bits of an f64 fit its 56.
pub(crate) fn ibm(number: f64) -> Vec<u8> {
    if number == 0.0 {
        return vec![0; 8];
    }
    assert!(number.is_normal());
    let bits = number.abs().to_bits();
    let fraction = (bits & ((1 << 52) - 1)) | (1 << 52);
    // number = fraction · 2^power = (fraction << shift) · 2^(power - shift), a multiple of 4 bits of exponent.
    let power = (bits >> 52) as i32 - 1075;
    let shift = (power + 56).rem_euclid(4);
    let exponent = (power + 56 - shift) / 4 + 64;
    assert!((0..128).contains(&exponent), "{exponent}");
    let sign = if number < 0.0 { 0x80 } else { 0 };
    let mut out = ((fraction << shift) | ((exponent as u64) << 56)).to_be_bytes().to_vec();
    out[0] |= sign;
    out
}
