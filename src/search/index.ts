/** Searches across tables, made such that indexes serve them. */
export { isSearch, type Narrowed, narrow } from "./narrow"
export { type Trigrams, trigramsOf, trigramsSql } from "./trigrams"
