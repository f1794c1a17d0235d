/**
 * A list in the order of adding, from which any member is taken out at the same small cost.
 *
 * A `Set` would do but for one thing: to find its first member it steps over those deleted before it.
 *
 * @since 0.1.0
 */

/**
 * A place in a list.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node<out A> {
  readonly value: A
}

/**
 * @category models
 * @since 0.1.0
 */
export interface LinkedList<in out A> extends Iterable<A> {
  readonly first: () => A | undefined
  /** Adds at the end. */
  readonly add: (value: A) => Node<A>
  /** Takes out what `add` gave, once. */
  readonly remove: (node: Node<A>) => void
}

interface Link<A> extends Node<A> {
  previous: Link<A> | undefined
  next: Link<A> | undefined
}

/**
 * Makes an empty list.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(): LinkedList<A> => {
  let head: Link<A> | undefined
  let tail: Link<A> | undefined
  return {
    first: () => head?.value,
    add: (value) => {
      const link: Link<A> = { value, previous: tail, next: undefined }
      if (tail === undefined) head = link
      else tail.next = link
      tail = link
      return link
    },
    remove: (node) => {
      const { next, previous } = node as Link<A> // `add` made it
      if (previous === undefined) head = next
      else previous.next = next
      if (next === undefined) tail = previous
      else next.previous = previous
    },
    *[Symbol.iterator]() {
      for (let link = head; link !== undefined; link = link.next) yield link.value
    }
  }
}
