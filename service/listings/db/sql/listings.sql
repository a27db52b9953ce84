-- name: shape
-- A listing as callers see it, with all that belongs to it: the beginning of every statement that reads
-- whole listings; repositories continue it with a join or a condition on `l`.
-- What belongs to it travels as arrays of records, in binary: no JSON is built here or parsed there, and
-- a page of listings costs one round trip, with one index look-up per listing and kind.
SELECT l.id, l.uuid, l.slug, l.user_id, l.storefront_id, l.title, l.description, l.price, l.currency,
       l.category_id, l.status, l.visibility, l.quantity, l.sku, l.source_type, l.stock_status,
       l.view_count, l.favorites_count, l.expires_at, l.created_at, l.updated_at, l.published_at,
       l.deleted_at, l.is_deleted,
       ARRAY(SELECT ROW(i.id, i.listing_id, i.url, i.storage_path, i.thumbnail_url, i.display_order,
                        i.is_primary, i.width, i.height, i.file_size, i.mime_type, i.created_at, i.updated_at)
             FROM listing_images i WHERE i.listing_id = l.id
             ORDER BY i.is_primary DESC, i.display_order, i.id) AS images,
       ARRAY(SELECT ROW(a.id, a.listing_id, a.attribute_key, coalesce(a.attribute_value, ''), a.created_at)
             FROM listing_attributes a WHERE a.listing_id = l.id ORDER BY a.id) AS attributes,
       ARRAY(SELECT t.tag FROM listing_tags t WHERE t.listing_id = l.id ORDER BY t.id) AS tags,
       (SELECT ROW(p.id, p.listing_id, p.country, p.city, p.postal_code, p.address_line1, p.address_line2,
                   p.latitude, p.longitude, p.created_at, p.updated_at)
        FROM listing_locations p WHERE p.listing_id = l.id) AS location,
       ARRAY(SELECT ROW(v.id, l.id, coalesce(v.sku, ''), v.price, v.stock_quantity, v.variant_attributes,
                        v.image_url, v.is_active, v.created_at, v.updated_at)
             FROM product_variants v WHERE v.product_id = l.id ORDER BY v.id) AS variants
FROM listings AS l;
