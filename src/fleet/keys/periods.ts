/**
 * The periods that shared ticket keys belong to. All hosts count them alike, by
 * their clocks: period n begins at second n * P. P is half of the smtpd session
 * lifetime.
 */

/** A key opens tickets so much longer than a period after it has ended to seal: clocks differ. */
const openMarginSeconds = 300;

/** The engine keeps a period's keys so much longer than that. */
const engineMarginSeconds = 300;

export class Periods {
  /** P. */
  readonly seconds: number;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  at(nowSeconds: number): number {
    return Math.floor(nowSeconds / this.seconds);
  }

  begin(period: number): number {
    return period * this.seconds;
  }

  /** The first second in which no key of the period seals. */
  end(period: number): number {
    return (period + 1) * this.seconds;
  }

  /** The first second in which no key of the period opens tickets. */
  openUntil(period: number): number {
    return (period + 2) * this.seconds + openMarginSeconds;
  }

  /** Seconds until the keys of some period open no more. */
  untilNextEnd(nowSeconds: number): number {
    const sinceEnd = (nowSeconds - openMarginSeconds) % this.seconds;
    return this.seconds - sinceEnd;
  }

  /** The last period that has begun by the clock of some host. */
  latestSealing(nowSeconds: number): number {
    return this.at(nowSeconds + openMarginSeconds);
  }

  /** When the engine drops the keys of the period. */
  keptUntil(period: number): number {
    return this.openUntil(period) + engineMarginSeconds;
  }
}
