//! McSharry's heart: a point runs round a circle, and each wave pulls as the point passes its angle.
//!
//! ```text
//! dφ/dt = ω,   dy_i/dt = −a_i ω Δφ_i exp(−Δφ_i² / 2 b_i²) − y_i,   Δφ_i = φ − θ_i in (−π, π]
//! dy_0/dt = −(y_0 − A sin 2πft)                                     z = y_0 + Σ y_i
//! ```
//!
//! The equation is linear in z, so each wave is followed alone and z is their sum; the leads weigh
//! the waves unlike. Solved by the Runge–Kutta method of order 4.
//!
//! Source: McSharry, Clifford, Tarassenko & Smith, A dynamical model for generating synthetic
//! electrocardiogram signals, IEEE Transactions on Biomedical Engineering 50 (2003) 289–294,
//! equation 1 and table I.

use std::f64::consts::{PI, TAU};

use libm::{exp, sin};

use super::super::draw::Draw;

/// P, Q, R, S, T.
pub(super) const WAVES: usize = 5;
/// The equations are solved in steps of 2 ms.
pub(super) const STEPS_PER_SECOND: u32 = 500;

const STEP: f64 = 1.0 / STEPS_PER_SECOND as f64;
const QRS: std::ops::RangeInclusive<usize> = 1..=3;
const T: usize = 4;
/// Degrees.
const ANGLES: [f64; WAVES] = [-70.0, -15.0, 0.0, 15.0, 100.0];
const AMPLITUDES: [f64; WAVES] = [1.2, -5.0, 30.0, -7.5, 0.75];
/// Radians, at 60 beats a minute.
const WIDTHS: [f64; WAVES] = [0.25, 0.1, 0.1, 0.1, 0.4];
/// Spread of one beat's length, as a share of it.
const JITTER: f64 = 0.03;
/// Breathing moves the baseline: amplitude in mV, and Hz.
const BREATH: (f64, f64) = (0.05, 0.25);

/// A heart that beats.
pub(super) struct Heart {
    angles: [f64; WAVES],
    amplitudes: [f64; WAVES],
    widths: [f64; WAVES],
    /// Mean length of a beat, in seconds.
    beat: f64,
    /// Angular speed in this beat, in radians a second.
    omega: f64,
    phase: f64,
    /// Phase of the breath, and where it draws the baseline now.
    breath: f64,
    air: f64,
    /// What pulls at each wave now.
    pull: [f64; WAVES],
    waves: [f64; WAVES],
    baseline: f64,
}

impl Heart {
    /// z_g acts on the rate, on the T wave's size and place, and on the width of the QRS complex.
    pub(super) fn draw(z_g: f64, draw: &mut Draw) -> Self {
        let rate = (70.0 + 5.0 * z_g + 6.0 * draw.normal()).clamp(30.0, 180.0);
        let mut heart = Self {
            angles: ANGLES.map(f64::to_radians),
            amplitudes: AMPLITUDES,
            widths: WIDTHS.map(|width| width * (rate / 60.0).sqrt()),
            beat: 60.0 / rate,
            omega: 0.0,
            phase: draw.between(-PI, PI),
            breath: draw.between(0.0, TAU),
            air: 0.0,
            pull: [0.0; WAVES],
            waves: [0.0; WAVES],
            baseline: 0.0,
        };
        heart.angles[T] += 0.08 * z_g;
        heart.amplitudes[T] *= exp(-0.35 * z_g);
        for wave in QRS {
            heart.widths[wave] *= exp(0.12 * z_g);
        }
        heart.next_beat(draw);
        heart.pull = heart.pulls(heart.phase);
        heart
    }

    /// The waves, in the model's unit: R is about 0.3.
    pub(super) fn waves(&self) -> [f64; WAVES] {
        self.waves
    }

    /// In mV.
    pub(super) fn baseline(&self) -> f64 {
        self.baseline
    }

    /// Goes on by one step.
    pub(super) fn step(&mut self, draw: &mut Draw) {
        let middle = self.pulls(self.phase + 0.5 * STEP * self.omega);
        let end = self.pulls(self.phase + STEP * self.omega);
        for wave in 0..WAVES {
            self.waves[wave] =
                runge_kutta(self.waves[wave], self.pull[wave], middle[wave], end[wave]);
        }
        self.breathe();
        self.phase += STEP * self.omega;
        self.pull = end;
        if self.phase > PI {
            self.phase -= TAU;
            self.next_beat(draw);
            self.pull = self.pulls(self.phase);
        }
    }

    fn breathe(&mut self) {
        let turn = TAU * BREATH.1 * STEP;
        let [start, middle] = [self.air, BREATH.0 * sin(self.breath + 0.5 * turn)];
        self.breath += turn;
        self.air = BREATH.0 * sin(self.breath);
        self.baseline = runge_kutta(self.baseline, start, middle, self.air);
    }

    fn next_beat(&mut self, draw: &mut Draw) {
        let jitter = (1.0 + JITTER * draw.normal()).clamp(0.5, 2.0);
        self.omega = TAU / (self.beat * jitter);
    }

    /// What pulls at each wave when the point is at `phase`.
    fn pulls(&self, phase: f64) -> [f64; WAVES] {
        std::array::from_fn(|wave| {
            let mut delta = phase - self.angles[wave];
            if delta > PI {
                delta -= TAU;
            } else if delta <= -PI {
                delta += TAU;
            }
            let exponent = 0.5 * (delta / self.widths[wave]).powi(2);
            // Below 10⁻¹⁷ of the wave.
            if exponent > 40.0 {
                return 0.0;
            }
            -self.amplitudes[wave] * self.omega * delta * exp(-exponent)
        })
    }
}

/// One step of dy/dt = f(t) − y, given f at its start, middle and end.
fn runge_kutta(y: f64, start: f64, middle: f64, end: f64) -> f64 {
    let k1 = start - y;
    let k2 = middle - (y + 0.5 * STEP * k1);
    let k3 = middle - (y + 0.5 * STEP * k2);
    let k4 = end - (y + STEP * k3);
    y + STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_solves_the_equation() {
        // dy/dt = sin t − y from 0 has y = (sin t − cos t + e^−t) / 2.
        let mut y = 0.0;
        for step in 0..5 * STEPS_PER_SECOND {
            let at = |part: f64| ((f64::from(step) + part) * STEP).sin();
            y = runge_kutta(y, at(0.0), at(0.5), at(1.0));
        }
        let exact = 0.5 * (5.0_f64.sin() - 5.0_f64.cos() + (-5.0_f64).exp());
        assert!((y - exact).abs() < 1e-11, "{y} for {exact}");
    }
}
