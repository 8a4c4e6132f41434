/**
 * A part of Config while its rows are checked. The order of checks goes across
 * parts, so each part is filled row by row, and is whole at the end.
 */
import type { Parameter, Rows } from './parameter.ts';

/** Something to check; what it throws ends the start. */
export interface Check {
  readonly order: number;
  readonly run: () => void;
}

/** Reads and checks the value that a parameter has. */
export type ReadParameter = <Value>(parameter: Parameter<Value>) => Value;

export class Section<Values extends object> {
  readonly #rows: Rows<Values>;
  readonly #values: Partial<Values> = {};

  constructor(rows: Rows<Values>) {
    this.#rows = rows;
  }

  /** One check for each row; it keeps the row's value. */
  checks(read: ReadParameter): Check[] {
    return this.#keys().map((key) => {
      const row = this.#rows[key];
      const run = (): void => {
        this.#values[key] = read(row);
      };
      return { order: orderOf(row), run };
    });
  }

  /** The values, once all checks have run. */
  values(): Values {
    const values = this.#values;
    if (!isWhole(values, this.#keys())) {
      throw new Error('a parameter has not been checked');
    }
    return values;
  }

  #keys(): (keyof Values)[] {
    const keys: (keyof Values)[] = [];
    for (const key in this.#rows) {
      keys.push(key);
    }
    return keys;
  }
}

/** Rows without an order come after Postfix's, in the table's order. */
export function orderOf({ order }: Parameter): number {
  return order ?? Number.MAX_SAFE_INTEGER;
}

function isWhole<Values extends object>(
  values: Partial<Values>,
  keys: readonly (keyof Values)[],
): values is Values {
  return keys.every((key) => key in values);
}
