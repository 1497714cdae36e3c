/**
 * The customers of the shop, the groups they belong to, and who runs the shop.
 */

export interface CatalogueCustomer {
  email: string
  first_name: string
  last_name: string
  group: CustomerGroupName
  /** Set for customers with an account to sign in to. */
  password?: string
}

export type CustomerGroupName = "VIP" | "Wholesale"

export const customerGroups: readonly CustomerGroupName[] = ["VIP", "Wholesale"]

export const admin = {
  email: "admin@pegasus.test",
  password: "pegasus-demo",
  first_name: "Demo",
  last_name: "Admin",
}

const names = [
  ["Anna", "Keller"],
  ["Bruno", "Martin"],
  ["Clara", "Virtanen"],
  ["David", "Lindberg"],
  ["Elena", "Rossi"],
  ["Felix", "Braun"],
  ["Greta", "Nyman"],
  ["Hugo", "Laurent"],
  ["Ines", "Moreau"],
  ["Jonas", "Weber"],
  ["Katja", "Salonen"],
  ["Louis", "Petit"],
  ["Maria", "Costa"],
  ["Nils", "Holm"],
  ["Olivia", "Carter"],
  ["Paul", "Fischer"],
  ["Rosa", "Jensen"],
  ["Simon", "Dubois"],
  ["Tina", "Schulz"],
  ["Victor", "Bennett"],
] as const

/** Anna is a VIP and Bruno buys wholesale; both have an account. */
export const customers: CatalogueCustomer[] = names.map(([first_name, last_name], index) => ({
  email: `${first_name}.${last_name}@pegasus.test`.toLowerCase(),
  first_name,
  last_name,
  group: customerGroups[index % 2]!,
  ...(index < 2 ? { password: "pegasus-demo" } : {}),
}))
