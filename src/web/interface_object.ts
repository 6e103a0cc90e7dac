/** What Web IDL says of an interface object and its prototype, and a class does not have by itself. */

/** An interface by Web IDL. */
export interface InterfaceMembers {
  /** What `Object.prototype.toString` shows of an instance. */
  readonly name: string;
  /** The attributes and operations that are enumerable. */
  readonly enumerable: readonly string[];
  /** Constants, which the interface object and its prototype have. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** Gives a class what Web IDL says of the interface that it implements. */
export function defineInterface(
  implementation: { readonly prototype: object },
  { name, enumerable, constants = {} }: InterfaceMembers,
): void {
  const { prototype } = implementation;
  for (const [constant, value] of Object.entries(constants)) {
    const property = { value, enumerable: true, writable: false, configurable: false };
    Object.defineProperty(prototype, constant, property);
    Object.defineProperty(implementation, constant, property);
  }
  for (const member of enumerable) {
    const property = Object.getOwnPropertyDescriptor(prototype, member)!;
    Object.defineProperty(prototype, member, { ...property, enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}
