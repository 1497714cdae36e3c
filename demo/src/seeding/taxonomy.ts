/**
 * Product types, tags, collections and the category tree.
 */
import {
  createCollectionsWorkflow,
  createProductCategoriesWorkflow,
  createProductTagsWorkflow,
  createProductTypesWorkflow,
} from "@medusajs/core-flows"
import type {
  MedusaContainer,
  ProductCategoryDTO,
  ProductCollectionDTO,
  ProductTagDTO,
  ProductTypeDTO,
} from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import { categoryTree, collections, handleOf, productTypes, tags } from "../catalogue/taxonomy"
import { ByKey, ensure } from "./ensure"

/** Everything by the name it has in the catalogue. */
export interface Taxonomy {
  types: ByKey<ProductTypeDTO>
  tags: ByKey<ProductTagDTO>
  collections: ByKey<ProductCollectionDTO>
  categories: ByKey<ProductCategoryDTO>
}

export async function seedTaxonomy(container: MedusaContainer): Promise<Taxonomy> {
  const product = container.resolve(Modules.PRODUCT)
  return {
    types: await ensure<string, ProductTypeDTO>({
      wanted: productTypes,
      wantedKey: (value) => value,
      found: await product.listProductTypes({}),
      foundKey: (type) => type.value,
      create: async (values) => {
        const product_types = values.map((value) => ({ value }))
        return (await createProductTypesWorkflow(container).run({ input: { product_types } })).result
      },
    }),
    tags: await ensure<string, ProductTagDTO>({
      wanted: tags,
      wantedKey: (value) => value,
      found: await product.listProductTags({}),
      foundKey: (tag) => tag.value,
      create: async (values) => {
        const product_tags = values.map((value) => ({ value }))
        return (await createProductTagsWorkflow(container).run({ input: { product_tags } })).result
      },
    }),
    collections: await ensure<string, ProductCollectionDTO>({
      wanted: collections,
      wantedKey: (title) => title,
      found: await product.listProductCollections({}),
      foundKey: (collection) => collection.title,
      create: async (titles) => {
        const input = { collections: titles.map((title) => ({ title, handle: handleOf(title) })) }
        return (await createCollectionsWorkflow(container).run({ input })).result
      },
    }),
    categories: await seedCategories(container),
  }
}

/** The tree level by level, since a category needs its parent's id. */
async function seedCategories(container: MedusaContainer) {
  const branches = categoryTree.flatMap((root) =>
    root.branches.map((branch) => ({ name: branch.name, parent: root.name })),
  )
  const leaves = categoryTree.flatMap((root) =>
    root.branches.flatMap((branch) =>
      branch.leaves.map((leaf) => ({ name: leaf.name, parent: branch.name })),
    ),
  )
  const levels: { name: string; parent?: string }[][] = [
    categoryTree.map((root) => ({ name: root.name })),
    branches,
    leaves,
  ]

  const found = await container.resolve(Modules.PRODUCT).listProductCategories({})
  let categories = new ByKey<ProductCategoryDTO>()
  for (const level of levels) {
    const parents = categories
    categories = await ensure<(typeof level)[number], ProductCategoryDTO>({
      wanted: level,
      wantedKey: (category) => category.name,
      found: [...found, ...parents.values()],
      foundKey: (category) => category.name,
      create: async (missing) => {
        const product_categories = missing.map(({ name, parent }) => ({
          name,
          handle: handleOf(name),
          description: `${name} from small makers, chosen to last.`,
          is_active: true,
          is_internal: false,
          ...(parent ? { parent_category_id: parents.get(parent).id } : {}),
        }))
        return (await createProductCategoriesWorkflow(container).run({ input: { product_categories } }))
          .result
      },
    })
  }
  return categories
}
