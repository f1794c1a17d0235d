/** The promise edge of the client's iterators: they end when they are told to stop. */
export const each = async <A>(items: AsyncIterable<A>, take: (item: A) => void): Promise<void> => {
  for await (const item of items) take(item)
}

export const collect = <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  return each(items, (item) => void all.push(item)).then(() => all)
}
