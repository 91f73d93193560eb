/** The version that plans name as their maker: that of package.json, which the core does not read. */
export const PRODUCT_VERSION = '0.1.0';
