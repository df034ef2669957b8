use std::fmt;

/// A figure beside what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    what: &'static str,
    measured: f64,
    least: f64,
    most: f64,
    unit: &'static str,
}

impl Figure {
    pub fn near(
        what: &'static str,
        measured: f64,
        asked: f64,
        tolerance: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            what,
            measured,
            least: asked - tolerance,
            most: asked + tolerance,
            unit,
        }
    }

    pub fn at_least(what: &'static str, measured: f64, least: f64, unit: &'static str) -> Self {
        Self {
            what,
            measured,
            least,
            most: f64::INFINITY,
            unit,
        }
    }

    /// It is what it may be.
    pub fn holds(&self) -> bool {
        (self.least..=self.most).contains(&self.measured)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            measured,
            least,
            most,
            unit,
        } = self;
        let mark = if self.holds() { "ok" } else { "OFF" };
        if most.is_finite() {
            write!(
                f,
                "{mark:3} {what}: {measured:.3} {unit} ({least:.3} to {most:.3})"
            )
        } else {
            write!(
                f,
                "{mark:3} {what}: {measured:.0} {unit} ({least:.0} or more)"
            )
        }
    }
}
