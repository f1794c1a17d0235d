/** Who gets a frame in the in-memory broker: every plain subscriber, and one member of each queue group in turn. */
import type { ChannelName } from "../Channel.ts"
import type { Inbox } from "./Inbox.ts"

interface Channel {
  readonly all: Set<Inbox>
  /** The first member is the next one to get a frame. */
  readonly groups: Map<string, Array<Inbox>>
}

export interface Router {
  readonly route: (channel: ChannelName, frame: Uint8Array) => void
  /** Returns what takes it out again. */
  readonly add: (inbox: Inbox, queue: string | undefined) => () => void
}

export const make = (): Router => {
  const channels = new Map<string, Channel>()

  const remove = (name: string, inbox: Inbox, queue: string | undefined): void => {
    const channel = channels.get(name)
    if (channel === undefined) return
    channel.all.delete(inbox)
    if (queue !== undefined) {
      const members = (channel.groups.get(queue) ?? []).filter((member) => member !== inbox)
      if (members.length > 0) channel.groups.set(queue, members)
      else channel.groups.delete(queue)
    }
    if (channel.all.size === 0 && channel.groups.size === 0) channels.delete(name)
  }

  return {
    route: (name, frame) => {
      const channel = channels.get(name)
      if (channel === undefined) return
      for (const inbox of channel.all) inbox.accept(frame)
      for (const members of channel.groups.values()) {
        const member = members.shift()!
        members.push(member)
        member.accept(frame)
      }
    },
    add: (inbox, queue) => {
      const name = inbox.options.channel
      let channel = channels.get(name)
      if (channel === undefined) channels.set(name, channel = { all: new Set(), groups: new Map() })
      if (queue === undefined) channel.all.add(inbox)
      else channel.groups.set(queue, [...(channel.groups.get(queue) ?? []), inbox])
      return () => remove(name, inbox, queue)
    }
  }
}
