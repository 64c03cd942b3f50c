use std::fmt;

/// The volume that a fault concerns: each is judged on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GradedVolume {
    /// The volume of the first second.
    Fev1,
    /// The forced vital capacity.
    Fvc,
}

/// What makes a blow unacceptable or unusable by ATS/ERS 2019 (Graham et al., table 7).
///
/// The first six are found in the curve; the others only an operator or the device sees:
/// [`Quality::add`](super::Quality::add) notes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The back-extrapolated volume is above 5 % of the vital capacity and above 0.100 L.
    BackExtrapolatedVolume,
    /// The recording does not hold a whole second from time zero.
    FirstSecondMissing,
    /// A cough in the first second.
    CoughInFirstSecond,
    /// The glottis closed in the first second.
    GlottisClosedInFirstSecond,
    /// The glottis closed after the first second.
    GlottisClosedLater,
    /// Neither a plateau (0.025 L at most in the last second) nor 15 s of expiration.
    NoEndOfExpiration,
    /// The zero-flow setting was wrong.
    FaultyZeroFlow,
    /// The mouthpiece or the spirometer was obstructed.
    Obstruction,
    /// Air leaked.
    Leak,
    /// The inspiration after the blow was larger than it by more than 0.100 L and 5 % of it.
    LargerInspiration,
}

impl Fault {
    /// A name for machines, such as `no_end_of_expiration`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BackExtrapolatedVolume => "back_extrapolated_volume",
            Self::FirstSecondMissing => "first_second_missing",
            Self::CoughInFirstSecond => "cough_in_first_second",
            Self::GlottisClosedInFirstSecond => "glottis_closed_in_first_second",
            Self::GlottisClosedLater => "glottis_closed_later",
            Self::NoEndOfExpiration => "no_end_of_expiration",
            Self::FaultyZeroFlow => "faulty_zero_flow",
            Self::Obstruction => "obstruction",
            Self::Leak => "leak",
            Self::LargerInspiration => "larger_inspiration",
        }
    }

    /// Whether a blow with this fault is not acceptable for a volume.
    pub fn prevents_acceptance(self, volume: GradedVolume) -> bool {
        match volume {
            GradedVolume::Fev1 => !matches!(self, Self::GlottisClosedLater | Self::NoEndOfExpiration),
            GradedVolume::Fvc => !matches!(self, Self::FirstSecondMissing | Self::CoughInFirstSecond),
        }
    }

    /// Whether a blow with this fault is not even usable for a volume.
    pub fn prevents_use(self, volume: GradedVolume) -> bool {
        match self {
            Self::BackExtrapolatedVolume | Self::GlottisClosedInFirstSecond | Self::FaultyZeroFlow => true,
            Self::FirstSecondMissing | Self::CoughInFirstSecond => volume == GradedVolume::Fev1,
            _ => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BackExtrapolatedVolume => "back-extrapolated volume above 5 % of FVC and 0.100 L",
            Self::FirstSecondMissing => "no whole second from time zero",
            Self::CoughInFirstSecond => "cough in the first second",
            Self::GlottisClosedInFirstSecond => "glottis closed in the first second",
            Self::GlottisClosedLater => "glottis closed after the first second",
            Self::NoEndOfExpiration => "no plateau and less than 15 s of expiration",
            Self::FaultyZeroFlow => "faulty zero-flow setting",
            Self::Obstruction => "obstructed mouthpiece or spirometer",
            Self::Leak => "leak",
            Self::LargerInspiration => "inspiration larger than the blow",
        })
    }
}

/// What ATS/ERS 2019 asks of a blow beside the criteria of acceptability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remark {
    /// The flow took more than 150 ms from 10 % to 90 % of its peak: the blow did not start with full force.
    SlowRise,
    /// More than 2 s from the first air to time zero.
    Hesitation,
}

impl Remark {
    /// A name for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::SlowRise => "slow_rise",
            Self::Hesitation => "hesitation",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SlowRise => "more than 150 ms from 10 % to 90 % of peak flow",
            Self::Hesitation => "more than 2 s before time zero",
        })
    }
}
