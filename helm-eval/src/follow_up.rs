use rayon::slice::ParallelSliceMut;

use crate::Error;

/// Follow-up of people with the scores of one model, checked: how long each was followed, and whether the event or the
/// end of follow-up (censoring) came then.
///
/// ```
/// use helm_eval::FollowUp;
///
/// // The third was lost after 2 years, without an event.
/// let follow_up = FollowUp::new(&[1.0, 4.0, 2.0, 3.0], &[true, true, false, true], &[0.9, 0.2, 0.4, 0.3])?;
/// assert_eq!(follow_up.harrell()?.index, 1.0);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FollowUp {
    /// From the shortest follow-up; at equal times, events first.
    people: Vec<Person>,
    n_ranks: usize,
}

#[derive(Clone, Copy, Debug)]
struct Person {
    time: f64,
    event: bool,
    /// The place of the score among all different ones.
    rank: usize,
}

/// How well a score orders people by the time of an event: the probability that of two, the one with the earlier event
/// scores higher.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Concordance {
    /// The index: 0.5 is chance, 1 perfect. Pairs of equal scores count half.
    pub index: f64,
    /// Pairs in which the earlier one is known to be an event and scores higher; weighted in Uno's index.
    pub concordant: f64,
    /// Pairs in which it scores lower.
    pub discordant: f64,
    /// Pairs in which both score alike.
    pub tied: f64,
}

impl FollowUp {
    /// Times, whether an event ended each, and scores, row by row. Higher scores mean earlier events.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::NotFinite`] with the first row whose score is NaN or infinite,
    /// [`Error::Time`] with the first whose time is negative, NaN or infinite.
    pub fn new(times: &[f64], events: &[bool], scores: &[f64]) -> Result<Self, Error> {
        let expected = times.len();
        if expected == 0 {
            return Err(Error::Empty);
        }
        for (what, found) in [("events", events.len()), ("scores", scores.len())] {
            if found != expected {
                return Err(Error::Length { what: what.into(), expected, found });
            }
        }
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::NotFinite { row: row + 1 });
        }
        if let Some(row) = times.iter().position(|time| !(time.is_finite() && *time >= 0.0)) {
            return Err(Error::Time { row: row + 1 });
        }
        let mut sorted = scores.to_vec();
        sorted.par_sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        sorted.dedup();
        let person = |row: usize| Person {
            time: times[row],
            event: events[row],
            rank: sorted.partition_point(|score| *score < scores[row]),
        };
        let mut people: Vec<Person> = (0..expected).map(person).collect();
        people.par_sort_unstable_by(|a, b| {
            a.time.total_cmp(&b.time).then(b.event.cmp(&a.event)).then(a.rank.cmp(&b.rank))
        });
        Ok(Self { people, n_ranks: sorted.len() })
    }

    /// How many people there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// How many had the event.
    pub fn n_events(&self) -> usize {
        self.people.iter().filter(|person| person.event).count()
    }

    /// Harrell's concordance (1982, JAMA 247:2543–2546) over all pairs of which the earlier time is an event, in
    /// O(n log n). Two events at the same time are no pair; someone censored at the time of an event counts as later.
    /// Under heavy censoring it depends on when people were censored: see [`uno`](Self::uno).
    ///
    /// # Errors
    /// [`Error::Undefined`] if there is no such pair.
    pub fn harrell(&self) -> Result<Concordance, Error> {
        self.concordance(|_| 1.0)
    }

    /// Uno's concordance (Uno et al. 2011, Stat. Med. 30:1105–1117): pairs up to a time horizon, each weighted by the
    /// inverse square of the probability of being uncensored up to the earlier time, `1 / Ĝ(t)²`, with Ĝ the
    /// Kaplan–Meier estimate from these people, as scikit-survival's `concordance_index_ipcw` has it. Without a horizon
    /// all events count; with one, those before it.
    ///
    /// ```
    /// use helm_eval::FollowUp;
    ///
    /// let follow_up = FollowUp::new(&[1.0, 4.0, 2.0, 3.0], &[true, true, false, true], &[0.9, 0.2, 0.4, 0.3])?;
    /// assert_eq!(follow_up.uno(Some(3.5))?.index, 1.0);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the horizon is not above 0, [`Error::Undefined`] if there is no pair, or if nobody is
    /// uncensored up to some event: then a horizon before it is needed.
    pub fn uno(&self, horizon: Option<f64>) -> Result<Concordance, Error> {
        if let Some(horizon) = horizon.filter(|horizon| horizon.is_nan() || *horizon <= 0.0) {
            let (expected, found) = ("a time above 0".into(), horizon.to_string());
            return Err(Error::Setting { what: "horizon", expected, found });
        }
        let uncensored = self.uncensored();
        let is_in = |index: usize| horizon.is_none_or(|horizon| self.people[index].time < horizon);
        if (0..self.len()).any(|index| self.people[index].event && is_in(index) && uncensored[index] <= 0.0) {
            let (expected, found) = ("people uncensored up to the horizon".into(), "none".into());
            return Err(Error::Undefined { what: "concordance", expected, found });
        }
        self.concordance(|index| if is_in(index) { uncensored[index].powi(-2) } else { 0.0 })
    }

    /// Sums over pairs, each with the weight of its earlier person, from the longest follow-up: a tree of counts by
    /// score (Fenwick 1994, Softw. Pract. Exp. 24:327–336) says how many of the later ones score lower.
    fn concordance(&self, weight: impl Fn(usize) -> f64) -> Result<Concordance, Error> {
        let mut later = Counts::new(self.n_ranks);
        let (mut concordant, mut discordant, mut tied) = (0.0, 0.0, 0.0);
        let mut end = self.people.len();
        while end > 0 {
            let time = self.people[end - 1].time;
            let start = self.people.partition_point(|person| person.time < time);
            let events = start + self.people[start..end].partition_point(|person| person.event);
            // Those censored now are later than the events now; events now are no pairs of one another.
            self.people[events..end].iter().for_each(|person| later.add(person.rank));
            for index in start..events {
                let weight = weight(index);
                let rank = self.people[index].rank;
                let (below, up_to) = (later.below(rank), later.below(rank + 1));
                concordant += weight * below as f64;
                tied += weight * (up_to - below) as f64;
                discordant += weight * (later.n - up_to) as f64;
            }
            self.people[start..events].iter().for_each(|person| later.add(person.rank));
            end = start;
        }
        let pairs = concordant + discordant + tied;
        if pairs == 0.0 {
            let (expected, found) = ("an event before the end of another's follow-up".into(), "none".into());
            return Err(Error::Undefined { what: "concordance", expected, found });
        }
        Ok(Concordance { index: (concordant + tied / 2.0) / pairs, concordant, discordant, tied })
    }

    /// The Kaplan–Meier probability of not being censored up to each person's time.
    fn uncensored(&self) -> Vec<f64> {
        let n = self.people.len();
        let (mut survival, mut up_to) = (1.0, Vec::with_capacity(n));
        let mut start = 0;
        while start < n {
            let end = self.people.partition_point(|person| person.time <= self.people[start].time);
            let events = self.people[start..end].iter().filter(|person| person.event).count();
            // Those with an event now are no longer at risk of being censored now.
            let (at_risk, censored) = (n - start - events, end - start - events);
            if censored > 0 {
                survival *= 1.0 - censored as f64 / at_risk as f64;
            }
            up_to.extend(std::iter::repeat_n(survival, end - start));
            start = end;
        }
        up_to
    }
}

/// Counts by rank, of which sums from the lowest are read in O(log n).
struct Counts {
    tree: Vec<usize>,
    n: usize,
}

impl Counts {
    fn new(n_ranks: usize) -> Self {
        Self { tree: vec![0; n_ranks + 1], n: 0 }
    }

    fn add(&mut self, rank: usize) {
        self.n += 1;
        let mut at = rank + 1;
        while at < self.tree.len() {
            self.tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many are of a lower rank.
    fn below(&self, rank: usize) -> usize {
        let (mut at, mut sum) = (rank, 0);
        while at > 0 {
            sum += self.tree[at];
            at -= at & at.wrapping_neg();
        }
        sum
    }
}
