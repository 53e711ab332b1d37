-- The settings show the environment's values, with defaults for the rest.
-- env: RAILWAY_API_URL=http://127.0.0.1:1/graphql
-- env: TEND_MODEL=openai/some
-- expect: {"github":"https://api.github.com","model":"openai/some","railway":"http://127.0.0.1:1/graphql"}
return {
  run = function()
    return { railway = settings.railway.api_url, model = settings.model, github = settings.github.api_url }
  end,
}
