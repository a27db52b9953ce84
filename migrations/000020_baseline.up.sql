-- The catalog schema as versions 1 to 20 of the earlier migration set leave it behind, built in one step.
--
-- Why: a database that already stands at version 20 is taken over without replaying anything, and an empty
-- one starts from the same shape, so that every file after this one is the same for both.
-- Two things differ on purpose, because no contrib extension may ever be required: keys come from
-- gen_random_uuid() instead of uuid-ossp, and the storefront position index is a plain btree instead of earthdistance.
-- The c2c_chats and c2c_messages tables belong to another owner and stay untouched by every later file.
--
-- Locks: creates new objects only, nothing can wait on it.

CREATE FUNCTION update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

CREATE FUNCTION update_storefronts_updated_at() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

-- Rows that arrive without a slug get one from the letters a-z and digits of their title.
CREATE FUNCTION generate_slug_from_title() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    IF NEW.slug IS NOT NULL AND NEW.slug <> '' THEN
        RETURN NEW;
    END IF;
    wanted := regexp_replace(lower(NEW.title), '[^a-z0-9\s-]', '', 'g');
    wanted := trim(BOTH '-' FROM regexp_replace(wanted, '[\s-]+', '-', 'g'));
    IF EXISTS (SELECT FROM listings WHERE slug = wanted AND is_deleted = false AND id <> NEW.id) THEN
        wanted := wanted || '-' || coalesce(NEW.id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
    END IF;
    NEW.slug := left(wanted, 255);
    RETURN NEW;
END;
$$;

CREATE TABLE c2c_categories (
    id                  serial,
    name                varchar(100) NOT NULL,
    slug                varchar(100) NOT NULL,
    parent_id           integer,
    icon                varchar(50),
    created_at          timestamp DEFAULT CURRENT_TIMESTAMP,
    has_custom_ui       boolean DEFAULT false,
    custom_ui_component varchar(255),
    sort_order          integer DEFAULT 0,
    level               integer DEFAULT 0,
    count               integer DEFAULT 0,
    external_id         varchar(255),
    description         text,
    is_active           boolean DEFAULT true,
    seo_title           varchar(255),
    seo_description     text,
    seo_keywords        text,
    CONSTRAINT c2c_categories_pkey PRIMARY KEY (id),
    CONSTRAINT c2c_categories_slug_key UNIQUE (slug),
    CONSTRAINT check_root_categories_level CHECK (((parent_id IS NULL) AND (level = 0)) OR ((parent_id IS NOT NULL) AND (level > 0))),
    CONSTRAINT c2c_categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES c2c_categories(id) ON DELETE CASCADE
);

CREATE INDEX idx_c2c_categories_level
    ON c2c_categories (level);
CREATE INDEX idx_c2c_categories_parent_id
    ON c2c_categories (parent_id);
CREATE INDEX idx_c2c_categories_slug
    ON c2c_categories (slug);

CREATE TABLE storefronts (
    id                      serial,
    user_id                 integer NOT NULL,
    slug                    varchar(100) NOT NULL,
    name                    varchar(255) NOT NULL,
    description             text,
    logo_url                varchar(500),
    banner_url              varchar(500),
    theme                   jsonb DEFAULT '{"layout": "grid", "primaryColor": "#1976d2"}'::jsonb,
    phone                   varchar(50),
    email                   varchar(255),
    website                 varchar(255),
    address                 text,
    city                    varchar(100),
    postal_code             varchar(20),
    country                 varchar(2) DEFAULT 'RS',
    latitude                numeric(10,8),
    longitude               numeric(11,8),
    formatted_address       text,
    geo_strategy            varchar(50) DEFAULT 'storefront_location',
    default_privacy_level   varchar(20) DEFAULT 'exact',
    address_verified        boolean DEFAULT false,
    settings                jsonb DEFAULT '{}'::jsonb,
    seo_meta                jsonb DEFAULT '{}'::jsonb,
    is_active               boolean DEFAULT true,
    is_verified             boolean DEFAULT false,
    verification_date       timestamp,
    rating                  numeric(3,2) DEFAULT 0.00,
    reviews_count           integer DEFAULT 0,
    products_count          integer DEFAULT 0,
    sales_count             integer DEFAULT 0,
    views_count             integer DEFAULT 0,
    followers_count         integer DEFAULT 0,
    subscription_plan       varchar(50) DEFAULT 'starter',
    subscription_expires_at timestamp,
    subscription_id         integer,
    is_subscription_active  boolean DEFAULT true,
    commission_rate         numeric(5,2) DEFAULT 3.00,
    ai_agent_enabled        boolean DEFAULT false,
    ai_agent_config         jsonb DEFAULT '{}'::jsonb,
    live_shopping_enabled   boolean DEFAULT false,
    group_buying_enabled    boolean DEFAULT false,
    created_at              timestamp DEFAULT CURRENT_TIMESTAMP,
    updated_at              timestamp DEFAULT CURRENT_TIMESTAMP,
    deleted_at              timestamptz,
    CONSTRAINT storefronts_pkey PRIMARY KEY (id),
    CONSTRAINT storefronts_slug_key UNIQUE (slug)
);

CREATE INDEX idx_storefronts_city
    ON storefronts (city) WHERE city IS NOT NULL;
CREATE INDEX idx_storefronts_deleted_at
    ON storefronts (deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX idx_storefronts_is_active
    ON storefronts (is_active) WHERE is_active = true;
CREATE INDEX idx_storefronts_is_verified
    ON storefronts (is_verified) WHERE is_verified = true;
CREATE INDEX idx_storefronts_location
    ON storefronts (latitude, longitude) WHERE latitude IS NOT NULL AND longitude IS NOT NULL;
CREATE INDEX idx_storefronts_slug
    ON storefronts (slug);
CREATE INDEX idx_storefronts_user_id
    ON storefronts (user_id);
CREATE TRIGGER trigger_storefronts_updated_at
    BEFORE UPDATE ON storefronts
    FOR EACH ROW EXECUTE FUNCTION update_storefronts_updated_at();

CREATE TABLE listings (
    id                      bigserial,
    uuid                    uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id                 bigint NOT NULL,
    storefront_id           bigint,
    title                   varchar(255) NOT NULL,
    description             text,
    price                   numeric(15,2) NOT NULL,
    currency                varchar(3) NOT NULL DEFAULT 'RSD',
    category_id             bigint NOT NULL,
    status                  varchar(50) NOT NULL DEFAULT 'draft',
    visibility              varchar(50) NOT NULL DEFAULT 'public',
    quantity                integer NOT NULL DEFAULT 1,
    sku                     varchar(100),
    view_count              integer NOT NULL DEFAULT 0,
    favorites_count         integer NOT NULL DEFAULT 0,
    created_at              timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at              timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    published_at            timestamptz,
    deleted_at              timestamptz,
    is_deleted              boolean NOT NULL DEFAULT false,
    source_type             varchar(10) NOT NULL DEFAULT 'c2c',
    attributes              jsonb DEFAULT '{}'::jsonb,
    stock_status            varchar(50) DEFAULT 'in_stock',
    sold_count              integer NOT NULL DEFAULT 0,
    has_individual_location boolean DEFAULT false,
    individual_address      text,
    individual_latitude     numeric(10,8),
    individual_longitude    numeric(11,8),
    location_privacy        varchar(20) DEFAULT 'exact',
    show_on_map             boolean DEFAULT true,
    has_variants            boolean DEFAULT false,
    slug                    varchar(255),
    expires_at              timestamptz,
    CONSTRAINT listings_pkey PRIMARY KEY (id),
    CONSTRAINT listings_uuid_key UNIQUE (uuid),
    CONSTRAINT listings_category_id_check CHECK (category_id > 0),
    CONSTRAINT listings_location_privacy_check CHECK (location_privacy IN ('exact', 'approximate', 'hidden')),
    CONSTRAINT listings_price_check CHECK (price > 0),
    CONSTRAINT listings_quantity_check CHECK (quantity >= 0),
    CONSTRAINT listings_source_type_check CHECK (source_type IN ('c2c', 'b2c')),
    CONSTRAINT listings_status_check CHECK (status IN ('draft', 'active', 'inactive', 'sold', 'archived')),
    CONSTRAINT listings_stock_status_check CHECK (stock_status IN ('in_stock', 'out_of_stock', 'low_stock', 'discontinued')),
    CONSTRAINT listings_title_check CHECK (length(trim(title)) >= 3),
    CONSTRAINT listings_user_id_check CHECK (user_id > 0),
    CONSTRAINT listings_visibility_check CHECK (visibility IN ('public', 'private', 'unlisted')),
    CONSTRAINT fk_listings_category_id FOREIGN KEY (category_id) REFERENCES c2c_categories(id) ON DELETE RESTRICT
);

CREATE INDEX idx_listings_attributes
    ON listings USING gin (attributes);
CREATE INDEX idx_listings_category_id
    ON listings (category_id) WHERE is_deleted = false;
CREATE INDEX idx_listings_created_at
    ON listings (created_at DESC) WHERE is_deleted = false;
CREATE INDEX idx_listings_expires_at
    ON listings (expires_at) WHERE expires_at IS NOT NULL AND is_deleted = false;
CREATE INDEX idx_listings_has_variants
    ON listings (has_variants) WHERE has_variants = true;
CREATE INDEX idx_listings_location
    ON listings (individual_latitude, individual_longitude) WHERE individual_latitude IS NOT NULL AND individual_longitude IS NOT NULL AND has_individual_location = true;
CREATE INDEX idx_listings_price
    ON listings (price) WHERE is_deleted = false;
CREATE INDEX idx_listings_search
    ON listings USING gin (to_tsvector('english'::regconfig, (((title) || ' ') || COALESCE(description, ''))));
CREATE UNIQUE INDEX idx_listings_slug
    ON listings (slug) WHERE is_deleted = false;
CREATE INDEX idx_listings_slug_all
    ON listings (slug);
CREATE INDEX idx_listings_sold_count
    ON listings (sold_count DESC) WHERE is_deleted = false;
CREATE INDEX idx_listings_source_type
    ON listings (source_type) WHERE is_deleted = false;
CREATE INDEX idx_listings_status
    ON listings (status) WHERE is_deleted = false;
CREATE INDEX idx_listings_status_expires_at
    ON listings (status, expires_at) WHERE is_deleted = false AND expires_at IS NOT NULL;
CREATE INDEX idx_listings_stock_status
    ON listings (stock_status) WHERE is_deleted = false;
CREATE INDEX idx_listings_storefront_id
    ON listings (storefront_id) WHERE is_deleted = false;
CREATE INDEX idx_listings_user_id
    ON listings (user_id) WHERE is_deleted = false;
CREATE INDEX idx_listings_uuid
    ON listings (uuid) WHERE is_deleted = false;
CREATE INDEX idx_listings_view_count
    ON listings (view_count DESC) WHERE is_deleted = false;
CREATE TRIGGER trigger_generate_slug
    BEFORE INSERT OR UPDATE ON listings
    FOR EACH ROW EXECUTE FUNCTION generate_slug_from_title();
CREATE TRIGGER update_listings_updated_at
    BEFORE UPDATE ON listings
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE listing_attributes (
    id              bigserial,
    listing_id      bigint NOT NULL,
    attribute_key   varchar(100) NOT NULL,
    attribute_value text,
    created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT listing_attributes_pkey PRIMARY KEY (id),
    CONSTRAINT listing_attributes_listing_id_attribute_key_key UNIQUE (listing_id, attribute_key),
    CONSTRAINT listing_attributes_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_listing_attributes_key
    ON listing_attributes (attribute_key);
CREATE INDEX idx_listing_attributes_listing_id
    ON listing_attributes (listing_id);

CREATE TABLE listing_images (
    id            bigserial,
    listing_id    bigint NOT NULL,
    url           text NOT NULL,
    storage_path  text,
    thumbnail_url text,
    display_order integer NOT NULL DEFAULT 0,
    is_primary    boolean NOT NULL DEFAULT false,
    width         integer,
    height        integer,
    file_size     bigint,
    mime_type     varchar(100),
    created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT listing_images_pkey PRIMARY KEY (id),
    CONSTRAINT listing_images_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_listing_images_display_order
    ON listing_images (listing_id, display_order);
CREATE INDEX idx_listing_images_listing_id
    ON listing_images (listing_id);
CREATE TRIGGER update_listing_images_updated_at
    BEFORE UPDATE ON listing_images
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE listing_tags (
    id         bigserial,
    listing_id bigint NOT NULL,
    tag        varchar(100) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT listing_tags_pkey PRIMARY KEY (id),
    CONSTRAINT listing_tags_listing_id_tag_key UNIQUE (listing_id, tag),
    CONSTRAINT listing_tags_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_listing_tags_listing_id
    ON listing_tags (listing_id);
CREATE INDEX idx_listing_tags_tag
    ON listing_tags (tag);

CREATE TABLE listing_locations (
    id            bigserial,
    listing_id    bigint NOT NULL,
    country       varchar(100),
    city          varchar(100),
    postal_code   varchar(20),
    address_line1 text,
    address_line2 text,
    latitude      numeric(10,8),
    longitude     numeric(11,8),
    created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT listing_locations_pkey PRIMARY KEY (id),
    CONSTRAINT listing_locations_listing_id_key UNIQUE (listing_id),
    CONSTRAINT listing_locations_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_listing_locations_geo
    ON listing_locations (latitude, longitude) WHERE latitude IS NOT NULL AND longitude IS NOT NULL;
CREATE INDEX idx_listing_locations_listing_id
    ON listing_locations (listing_id);
CREATE TRIGGER update_listing_locations_updated_at
    BEFORE UPDATE ON listing_locations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE listing_stats (
    listing_id      bigint NOT NULL,
    views_count     integer NOT NULL DEFAULT 0,
    favorites_count integer NOT NULL DEFAULT 0,
    inquiries_count integer NOT NULL DEFAULT 0,
    last_viewed_at  timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT listing_stats_pkey PRIMARY KEY (listing_id),
    CONSTRAINT listing_stats_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE TRIGGER update_listing_stats_updated_at
    BEFORE UPDATE ON listing_stats
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE indexing_queue (
    id            bigserial,
    listing_id    bigint NOT NULL,
    operation     varchar(20) NOT NULL,
    status        varchar(20) NOT NULL DEFAULT 'pending',
    retry_count   integer NOT NULL DEFAULT 0,
    max_retries   integer NOT NULL DEFAULT 3,
    error_message text,
    created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    processed_at  timestamptz,
    CONSTRAINT indexing_queue_pkey PRIMARY KEY (id),
    CONSTRAINT indexing_queue_operation_check CHECK (operation IN ('index', 'update', 'delete')),
    CONSTRAINT indexing_queue_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT indexing_queue_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_indexing_queue_created_at
    ON indexing_queue (created_at);
CREATE INDEX idx_indexing_queue_listing_id
    ON indexing_queue (listing_id);
CREATE UNIQUE INDEX idx_indexing_queue_listing_id_pending
    ON indexing_queue (listing_id) WHERE status = 'pending';
CREATE INDEX idx_indexing_queue_status
    ON indexing_queue (status) WHERE status <> 'completed';
CREATE TRIGGER update_indexing_queue_updated_at
    BEFORE UPDATE ON indexing_queue
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE c2c_favorites (
    user_id    integer NOT NULL,
    listing_id integer NOT NULL,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT c2c_favorites_pkey PRIMARY KEY (user_id, listing_id),
    CONSTRAINT fk_c2c_favorites_listing_id FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX c2c_favorites_listing_id_idx
    ON c2c_favorites (listing_id);
CREATE INDEX c2c_favorites_user_id_created_at_idx
    ON c2c_favorites (user_id, created_at DESC);
CREATE INDEX idx_c2c_favorites_listing_id
    ON c2c_favorites (listing_id);
CREATE UNIQUE INDEX idx_c2c_favorites_unique
    ON c2c_favorites (user_id, listing_id);
CREATE INDEX idx_c2c_favorites_user_id
    ON c2c_favorites (user_id);

CREATE TABLE c2c_chats (
    id                    serial,
    listing_id            integer,
    buyer_id              integer,
    seller_id             integer,
    last_message_at       timestamp DEFAULT CURRENT_TIMESTAMP,
    created_at            timestamp DEFAULT CURRENT_TIMESTAMP,
    updated_at            timestamp DEFAULT CURRENT_TIMESTAMP,
    is_archived           boolean DEFAULT false,
    storefront_product_id integer,
    CONSTRAINT c2c_chats_pkey PRIMARY KEY (id),
    CONSTRAINT c2c_chats_listing_id_buyer_id_seller_id_key UNIQUE (listing_id, buyer_id, seller_id),
    CONSTRAINT c2c_chats_storefront_product_id_buyer_id_seller_id_key UNIQUE (storefront_product_id, buyer_id, seller_id),
    CONSTRAINT check_chat_target CHECK (NOT ((listing_id IS NOT NULL) AND (storefront_product_id IS NOT NULL)))
);

CREATE INDEX c2c_chats_buyer_id_idx
    ON c2c_chats (buyer_id);
CREATE INDEX c2c_chats_buyer_id_seller_id_last_message_at_idx
    ON c2c_chats (buyer_id, seller_id, last_message_at DESC);
CREATE INDEX c2c_chats_is_archived_idx
    ON c2c_chats (is_archived) WHERE NOT is_archived;
CREATE INDEX c2c_chats_last_message_at_idx
    ON c2c_chats (last_message_at DESC) WHERE NOT is_archived;
CREATE INDEX c2c_chats_least_greatest_idx
    ON c2c_chats (LEAST(buyer_id, seller_id), GREATEST(buyer_id, seller_id));
CREATE UNIQUE INDEX c2c_chats_least_greatest_idx1
    ON c2c_chats (LEAST(buyer_id, seller_id), GREATEST(buyer_id, seller_id)) WHERE listing_id IS NULL AND storefront_product_id IS NULL;
CREATE INDEX c2c_chats_listing_id_buyer_id_seller_id_idx
    ON c2c_chats (listing_id, buyer_id, seller_id) WHERE listing_id IS NOT NULL;
CREATE INDEX c2c_chats_listing_id_idx
    ON c2c_chats (listing_id) WHERE listing_id IS NOT NULL;
CREATE INDEX c2c_chats_seller_id_idx
    ON c2c_chats (seller_id);
CREATE INDEX c2c_chats_storefront_product_id_idx
    ON c2c_chats (storefront_product_id);
CREATE INDEX c2c_chats_updated_at_idx
    ON c2c_chats (updated_at);

CREATE TABLE c2c_messages (
    id                    serial,
    chat_id               integer,
    listing_id            integer,
    sender_id             integer,
    receiver_id           integer,
    content               text NOT NULL,
    is_read               boolean DEFAULT false,
    original_language     varchar(2) DEFAULT 'en',
    created_at            timestamp DEFAULT CURRENT_TIMESTAMP,
    updated_at            timestamp DEFAULT CURRENT_TIMESTAMP,
    has_attachments       boolean DEFAULT false,
    attachments_count     integer DEFAULT 0,
    storefront_product_id integer,
    CONSTRAINT c2c_messages_pkey PRIMARY KEY (id),
    CONSTRAINT check_message_target CHECK (((listing_id IS NOT NULL) AND (storefront_product_id IS NULL)) OR ((listing_id IS NULL) AND (storefront_product_id IS NOT NULL)) OR ((listing_id IS NULL) AND (storefront_product_id IS NULL)))
);

CREATE INDEX c2c_messages_chat_id_created_at_idx
    ON c2c_messages (chat_id, created_at DESC);
CREATE INDEX c2c_messages_chat_id_id_idx
    ON c2c_messages (chat_id, id DESC);
CREATE INDEX c2c_messages_chat_id_idx
    ON c2c_messages (chat_id);
CREATE INDEX c2c_messages_chat_id_receiver_id_idx
    ON c2c_messages (chat_id, receiver_id) WHERE NOT is_read;
CREATE INDEX c2c_messages_created_at_idx
    ON c2c_messages (created_at);
CREATE INDEX c2c_messages_listing_id_idx
    ON c2c_messages (listing_id);
CREATE INDEX c2c_messages_receiver_id_chat_id_idx
    ON c2c_messages (receiver_id, chat_id) WHERE NOT is_read;
CREATE INDEX c2c_messages_receiver_id_idx
    ON c2c_messages (receiver_id);
CREATE INDEX c2c_messages_receiver_id_is_read_idx
    ON c2c_messages (receiver_id, is_read) WHERE NOT is_read;
CREATE INDEX c2c_messages_sender_id_idx
    ON c2c_messages (sender_id);
CREATE INDEX c2c_messages_storefront_product_id_idx
    ON c2c_messages (storefront_product_id) WHERE storefront_product_id IS NOT NULL;

CREATE TABLE b2c_product_variants (
    id                  serial,
    product_id          integer NOT NULL,
    sku                 varchar(100),
    barcode             varchar(100),
    price               numeric(15,2),
    compare_at_price    numeric(15,2),
    cost_price          numeric(15,2),
    stock_quantity      integer NOT NULL DEFAULT 0,
    stock_status        varchar(20) NOT NULL DEFAULT 'in_stock',
    low_stock_threshold integer DEFAULT 5,
    variant_attributes  jsonb NOT NULL DEFAULT '{}'::jsonb,
    weight              numeric(10,3),
    dimensions          jsonb,
    is_active           boolean NOT NULL DEFAULT true,
    is_default          boolean NOT NULL DEFAULT false,
    view_count          integer NOT NULL DEFAULT 0,
    sold_count          integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at          timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT b2c_product_variants_pkey PRIMARY KEY (id),
    CONSTRAINT b2c_product_variants_sku_unique UNIQUE (sku),
    CONSTRAINT b2c_product_variants_compare_at_price_check CHECK ((compare_at_price IS NULL) OR (compare_at_price >= 0)),
    CONSTRAINT b2c_product_variants_cost_price_check CHECK ((cost_price IS NULL) OR (cost_price >= 0)),
    CONSTRAINT b2c_product_variants_price_check CHECK ((price IS NULL) OR (price >= 0)),
    CONSTRAINT b2c_product_variants_stock_quantity_check CHECK (stock_quantity >= 0),
    CONSTRAINT b2c_product_variants_stock_status_check CHECK (stock_status IN ('in_stock', 'low_stock', 'out_of_stock')),
    CONSTRAINT fk_b2c_product_variants_product_id FOREIGN KEY (product_id) REFERENCES listings(id) ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE INDEX idx_b2c_product_variants_is_active
    ON b2c_product_variants (is_active);
CREATE INDEX idx_b2c_product_variants_product_id
    ON b2c_product_variants (product_id);
CREATE INDEX idx_b2c_product_variants_stock_status
    ON b2c_product_variants (stock_status);

CREATE TABLE inventory_movements (
    id            bigserial,
    listing_id    bigint NOT NULL,
    variant_id    bigint,
    movement_type varchar(50) NOT NULL,
    quantity      integer NOT NULL,
    reason        varchar(255),
    notes         text,
    user_id       bigint,
    created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    metadata      jsonb,
    CONSTRAINT inventory_movements_pkey PRIMARY KEY (id),
    CONSTRAINT inventory_movements_quantity_check CHECK (quantity <> 0),
    CONSTRAINT inventory_movements_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE INDEX idx_inventory_movements_created_at
    ON inventory_movements (created_at DESC);
CREATE INDEX idx_inventory_movements_listing_id
    ON inventory_movements (listing_id);
CREATE INDEX idx_inventory_movements_movement_type
    ON inventory_movements (movement_type);
CREATE INDEX idx_inventory_movements_user_id
    ON inventory_movements (user_id) WHERE user_id IS NOT NULL;
