/** Puts figures into the elements of the page that wait for them. */

/** @param {string} id */
export function find(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** Puts a text where it differs: what stays is not read out again. @param {Element} where @param {string} text */
export function say(where, text) {
  if (where.textContent !== text) {
    where.textContent = text;
  }
}

/** @param {string} id @param {string} text */
export function sayFigure(id, text) {
  say(/** @type {Element} */ (find(id).querySelector('b')), text);
}

/**
 * Rows of a table, made once and refilled.
 * @param {string} id
 * @param {(string | Node)[][]} rows
 * @param {string[]} [classes] of the columns
 */
export function fillTable(id, rows, classes = []) {
  const body = /** @type {HTMLElement} */ (find(id).querySelector('tbody'));
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement('tr');
      row.append(
        ...cells.map((cell, index) => {
          const made = document.createElement(index === 0 ? 'th' : 'td');
          if (index === 0) {
            made.setAttribute('scope', 'row');
          }
          made.className = classes[index] ?? '';
          made.append(cell);
          return made;
        }),
      );
      return row;
    }),
  );
}

/** @param {string} id @param {[string, string | Node][]} facts */
export function fillFacts(id, facts) {
  find(id).replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const term = document.createElement('dt');
      const fact = document.createElement('dd');
      term.textContent = name;
      fact.append(value);
      return [term, fact];
    }),
  );
}

/** A text that stands out. @param {string} text */
export function fault(text) {
  const made = document.createElement('strong');
  made.className = 'fault';
  made.textContent = text;
  return made;
}
