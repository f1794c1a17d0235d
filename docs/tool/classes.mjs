// What typedoc makes of Effect's classes, made readable: a service shows its members, each with its own text, and no
// class repeats the source of the expression it extends.
import { Application, ReflectionGroup, ReflectionKind, ReflectionType } from "typedoc"

/** The members of a service: the second type argument of `Context.Service<Self, Shape>`. */
const membersOf = (reflection) => {
  const [extended] = reflection.extendedTypes ?? []
  if (extended?.type !== "reference" || extended.name !== "Shape") return undefined
  const [, shape] = extended.typeArguments ?? []
  return shape instanceof ReflectionType ? shape.declaration.children : undefined
}

const showMembers = (project, reflection, members) => {
  for (const child of (reflection.children ?? []).slice()) project.removeReflection(child)
  reflection.children = members
  reflection.childrenIncludingDocuments = members
  for (const member of members) {
    member.parent = reflection
    member.kind = ReflectionKind.Property
  }
  const group = new ReflectionGroup("Members", reflection)
  group.children = members
  reflection.groups = [group]
  delete reflection.categories
}

/** Everything of a class that may say what it was inherited from. */
const partsOf = (child) =>
  [child, child.getSignature, child.setSignature, ...child.signatures ?? []].filter((part) => part !== undefined)

export const load = (app) => {
  // with several packages, once: when they have been merged and all else was done to them, before anything is written
  app.on(Application.EVENT_PROJECT_REVIVE, (project) => {
    for (const reflection of project.getReflectionsByKind(ReflectionKind.Class)) {
      const members = membersOf(reflection)
      if (members !== undefined) showMembers(project, reflection, members)
      delete reflection.extendedTypes
      delete reflection.typeHierarchy
      for (const child of reflection.children ?? []) {
        delete child.defaultValue
        for (const part of partsOf(child)) {
          delete part.inheritedFrom
          delete part.overwrites
        }
      }
    }
  }, -1000)
}
