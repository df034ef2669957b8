//! When the window is painted for what moves by itself: once for pictures that come close to each
//! other, and seldom for news of the engine. What a person does is shown at once; that is egui's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eframe::egui::{Context, Id};

/// How long a picture may wait for another one: a little more than half of the time between two at
/// 30 a second. One of two such films is never further ahead of the other than this.
const TOGETHER: Duration = Duration::from_millis(17);
/// How soon the other one has to be expected for that: a little later than it is waited for, because
/// pictures are not punctual, and of two that just miss each other each would get a frame.
const EXPECTED: Duration = Duration::from_millis(20);
/// How long after a frame the engine's news are worth one of their own: a little longer than it
/// takes pictures to bring the next one.
const NEWS: Duration = Duration::from_millis(40);
/// What egui is asked for at once, it paints twice.
const SOON: Duration = Duration::from_nanos(1);
/// No window shows more films at a time; one more takes the place of the one that stood still longest.
const FILMS: usize = 16;

/// The pace of one window: shared with the threads that bring pictures and news, and free of locks.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    /// When the last frame was begun.
    painted: AtomicU64,
    /// When the last picture of each film came; 0 where there was none.
    latest: [AtomicU64; FILMS],
}

impl Pace {
    /// That of the window of `ctx`.
    pub fn of(ctx: &Context) -> Arc<Self> {
        ctx.data_mut(|data| {
            data.get_temp_mut_or_insert_with(Id::unique("pace"), || Arc::new(Self::new()))
                .clone()
        })
    }

    fn new() -> Self {
        Self {
            began: Instant::now(),
            painted: AtomicU64::new(0),
            latest: Default::default(),
        }
    }

    /// Call at the start of each frame.
    pub fn painted(&self, now: Instant) {
        self.painted.store(self.micros(now), Ordering::Relaxed);
    }

    /// How long news may wait for a frame: pictures that play bring one soon.
    pub fn news(&self, now: Instant) -> Duration {
        let painted = Duration::from_micros(self.painted.load(Ordering::Relaxed));
        let since = Duration::from_micros(self.micros(now)).saturating_sub(painted);
        NEWS.saturating_sub(since).max(SOON)
    }

    /// Pictures that come one after the other from now on.
    pub fn film(self: &Arc<Self>, now: Instant) -> Film {
        let latest = self.latest.iter().enumerate();
        let stillest = latest.min_by_key(|(_, latest)| latest.load(Ordering::Relaxed));
        let number = stillest.map_or(0, |(number, _)| number);
        // The next film looks for another place.
        self.latest[number].store(self.micros(now).max(1), Ordering::Relaxed);
        Film {
            pace: self.clone(),
            number,
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.began);
        u64::try_from(passed.as_micros()).unwrap_or(u64::MAX)
    }
}

/// One film in a window.
#[derive(Debug)]
pub struct Film {
    pace: Arc<Pace>,
    number: usize,
}

impl Film {
    /// A picture has come: how long it may wait for a frame.
    pub fn next(&self, now: Instant) -> Duration {
        let now = self.pace.micros(now).max(1);
        let since = |then| Duration::from_micros(now.saturating_sub(then));
        let apart = since(self.pace.latest[self.number].swap(now, Ordering::Relaxed));
        let mut others = self.pace.latest.iter().enumerate();
        let waits = others.any(|(number, latest)| {
            let latest = latest.load(Ordering::Relaxed);
            number != self.number && latest != 0 && is_near(apart, since(latest))
        });
        if waits { TOGETHER } else { SOON }
    }
}

/// Whether a film that had its last picture so long `ago` will soon have its next one, when films
/// have theirs so far `apart`.
fn is_near(apart: Duration, ago: Duration) -> bool {
    ago + EXPECTED >= apart && ago <= apart + TOGETHER
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// What became of the pictures of some films of 30 a second within ten seconds, each film so
    /// many microseconds behind the first, each picture early or late by up to `jitter`: frames a
    /// second, and the longest that a picture waited.
    fn paint(behind: &[u64], jitter: u64) -> (f64, Duration) {
        let pace = Arc::new(Pace::new());
        let mut seed = 1_u64;
        let mut pictures: Vec<(u64, usize)> = Vec::new();
        let films: Vec<Film> = behind.iter().map(|_| pace.film(pace.began)).collect();
        for (film, behind) in behind.iter().enumerate() {
            for picture in 1..=300 {
                // Knuth's MMIX generator.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005);
                seed = seed.wrapping_add(1_442_695_040_888_963_407);
                let off = (seed >> 33) % (2 * jitter + 1);
                pictures.push((picture * SECOND / 30 + behind + off, film));
            }
        }
        pictures.sort_unstable();
        let at = |micros| pace.began + Duration::from_micros(micros);
        let (mut frames, mut due): (u32, Option<Instant>) = (0, None);
        let (mut waiting, mut longest): (Vec<Instant>, _) = (Vec::new(), Duration::ZERO);
        let last = pictures.last().expect("there are some").0;
        for (micros, film) in pictures.into_iter().chain([(last + SECOND, 0)]) {
            let now = at(micros);
            if let Some(frame) = due.filter(|frame| *frame <= now) {
                frames += 1;
                due = None;
                for came in waiting.drain(..) {
                    longest = longest.max(frame - came);
                }
            }
            waiting.push(now);
            let asked = now + films[film].next(now);
            due = Some(due.map_or(asked, |due| due.min(asked)));
        }
        (f64::from(frames) / 10.0, longest)
    }

    #[test]
    fn two_films_are_painted_as_often_as_one_whatever_lies_between_them() {
        for behind in (0..33_000).step_by(1_000) {
            let (rate, longest) = paint(&[0, behind], 0);
            assert!(rate <= 30.2, "{behind} µs behind: {rate} a second");
            assert!(longest <= TOGETHER, "{behind} µs behind: {longest:?}");
            let (rate, longest) = paint(&[0, behind], 3_000);
            assert!(rate <= 38.0, "{behind} µs behind, late: {rate} a second");
            assert!(longest <= TOGETHER, "{behind} µs behind, late: {longest:?}");
        }
    }

    #[test]
    fn one_film_alone_never_waits() {
        let (rate, longest) = paint(&[0], 5_000);
        assert_eq!((rate, longest), (30.0, SOON));
    }

    #[test]
    fn a_film_that_has_ended_is_not_waited_for() {
        let pace = Arc::new(Pace::new());
        let (one, two) = (pace.film(pace.began), pace.film(pace.began));
        let at = |ms| pace.began + Duration::from_millis(ms);
        one.next(at(1_000));
        two.next(at(1_010));
        assert_eq!(one.next(at(1_033)), TOGETHER);
        assert_eq!(two.next(at(1_043)), SOON);
        assert_eq!(one.next(at(1_066)), TOGETHER, "it is expected");
        assert_eq!(one.next(at(1_100)), SOON);
        assert_eq!(one.next(at(1_133)), SOON);
    }

    #[test]
    fn a_film_takes_the_place_of_one_that_has_ended() {
        let pace = Arc::new(Pace::new());
        let at = |ms| pace.began + Duration::from_millis(ms);
        let first = pace.film(at(0));
        for number in 1..FILMS {
            let follow = 100 * number as u64;
            pace.film(at(follow)).next(at(follow + 10));
            first.next(at(follow + 20));
        }
        let last = pace.film(at(2_000));
        assert_ne!(last.number, first.number);
        first.next(at(2_010));
        last.next(at(2_020));
        assert_eq!(first.next(at(2_043)), TOGETHER);
        last.next(at(2_053));
        assert_eq!(first.next(at(2_076)), TOGETHER);
    }

    #[test]
    fn news_wait_for_the_next_picture_and_not_when_there_is_none() {
        let pace = Pace::new();
        let at = |ms| pace.began + Duration::from_millis(ms);
        pace.painted(at(1_000));
        assert_eq!(pace.news(at(1_010)), Duration::from_millis(30));
        assert_eq!(pace.news(at(1_039)), Duration::from_millis(1));
        assert_eq!(pace.news(at(1_500)), SOON);
    }
}
