/**
 * Texts of others inside our messages.
 *
 * @since 0.1.0
 */

/** What somebody else wrote, on one line and at most 200 characters long. */
export const cut = (text: string): string => {
  const line = text.replaceAll(/\p{Cc}+/gu, " ").trim()
  return line.length > 200 ? `${line.slice(0, 200).toWellFormed()}…` : line
}

/** The same in double quotes. */
export const quoted = (text: string): string => `"${cut(text)}"`

/** A list of at most five, and how many more there are. */
export const listed = (items: ReadonlyArray<string>): string =>
  items.length > 5 ? `${items.slice(0, 5).join("; ")}; and ${items.length - 5} more` : items.join("; ")
