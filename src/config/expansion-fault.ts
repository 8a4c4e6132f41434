/** A value that can't be expanded; the message is that of Postfix's warning. */
export class ExpansionFault extends Error {
  override readonly name = 'ExpansionFault';
}
