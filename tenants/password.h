// Password hashes: argon2id in PHC form. See live_directory.h for hash_password and verify_password.
#pragma once

#include <string_view>

namespace bulkhead::tenants {

// Whether `phc` is an argon2id hash whose cost this server is willing to pay for a sign-in: at most 256 MiB of
// memory, 10 passes, 4 lanes. Anything else never verifies.
bool is_acceptable_hash(std::string_view phc);

// A well-formed hash that no password fits in practice, of the same cost as hash_password() makes: verified in place
// of the missing one when an account is unknown, so that both answers take the same time.
std::string_view stand_in_hash();

}  // namespace bulkhead::tenants
