/**
 * The admin user, customer groups and customers, with passwords where they have an account.
 */
import {
  createCustomerGroupsWorkflow,
  createCustomersWorkflow,
  createUsersWorkflow,
  linkCustomersToCustomerGroupWorkflow,
  setAuthAppMetadataWorkflow,
} from "@medusajs/core-flows"
import type { CustomerDTO, CustomerGroupDTO, MedusaContainer, UserDTO } from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import { admin, type CatalogueCustomer, customerGroups, customers } from "../catalogue/people"
import { type ByKey, ensure } from "./ensure"

const authProvider = "emailpass"

export async function seedAdmin(container: MedusaContainer): Promise<void> {
  const { password, ...person } = admin
  const users = await ensure<typeof person, UserDTO>({
    wanted: [person],
    wantedKey: (user) => user.email,
    found: await container.resolve(Modules.USER).listUsers({}),
    foundKey: (user) => user.email,
    create: async (missing) =>
      (await createUsersWorkflow(container).run({ input: { users: missing } })).result,
  })
  await ensureLogin(container, {
    email: person.email,
    password,
    actor: "user",
    id: users.get(person.email).id,
  })
}

/** Gives the groups by name. */
export async function seedCustomers(container: MedusaContainer): Promise<ByKey<CustomerGroupDTO>> {
  const customer = container.resolve(Modules.CUSTOMER)
  const groups = await ensure<string, CustomerGroupDTO>({
    wanted: customerGroups,
    wantedKey: (name) => name,
    found: await customer.listCustomerGroups({}),
    foundKey: (group) => group.name,
    create: async (names) => {
      const customersData = names.map((name) => ({ name }))
      return (await createCustomerGroupsWorkflow(container).run({ input: { customersData } })).result
    },
  })

  const emails = customers.map(({ email }) => email)
  const people = await ensure<CatalogueCustomer, CustomerDTO>({
    wanted: customers,
    wantedKey: (person) => person.email,
    found: await customer.listCustomers({ email: emails }, { relations: ["groups"] }),
    foundKey: (person) => person.email,
    create: async (missing) => {
      const customersData = missing.map(({ group: _, password, ...person }) => ({
        ...person,
        has_account: password !== undefined,
      }))
      return (await createCustomersWorkflow(container).run({ input: { customersData } })).result
    },
  })

  for (const [name, group] of groups) {
    const add = customers
      .filter((person) => person.group === name)
      .map((person) => people.get(person.email))
      .filter((person) => !person.groups?.some(({ id }) => id === group.id))
      .map((person) => person.id)
    if (add.length)
      await linkCustomersToCustomerGroupWorkflow(container).run({ input: { id: group.id, add } })
  }
  for (const { email, password } of customers) {
    if (!password) continue
    await ensureLogin(container, { email, password, actor: "customer", id: people.get(email).id })
  }
  return groups
}

/** Lets someone sign in. One identity serves one email address; who it stands for is noted in its metadata. */
async function ensureLogin(
  container: MedusaContainer,
  login: { email: string; password: string; actor: "user" | "customer"; id: string },
): Promise<void> {
  const auth = container.resolve(Modules.AUTH)
  const [known] = await auth.listAuthIdentities({ provider_identities: { entity_id: login.email } })
  if (known?.app_metadata?.[`${login.actor}_id`] === login.id) return

  // Registering again gives back an identity nobody has been tied to yet.
  const { authIdentity, error } = await auth.register(authProvider, {
    body: { email: login.email, password: login.password },
  })
  if (!authIdentity) throw new Error(`seed: no login for ${login.email}: ${error}`)
  await setAuthAppMetadataWorkflow(container).run({
    input: { authIdentityId: authIdentity.id, actorType: login.actor, value: login.id },
  })
}
