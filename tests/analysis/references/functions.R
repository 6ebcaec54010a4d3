# Ratios, variances, correlations and contrasts of tests/analysis/data/survey.csv by R
# survey. Writes functions.json beside this script:
# Rscript tests/analysis/references/functions.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
countries <- sort(unique(d$country))
ages <- sort(unique(d$age_group))
designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  simple = svydesign(~1, weights = ~1, data = d)
)
both <- function(design) design[!is.na(d$items) & !is.na(d$trust), ]
one <- function(fit) list(estimate = unname(coef(fit)),
                          std_error = as.vector(unname(SE(fit))))

correlation <- function(part) {
  v <- svyvar(~items + trust, part)
  flat <- structure(as.vector(v), var = attr(v, "var"), class = "svystat",
                    statistic = "variance")
  names(flat) <- c("xx", "xy", "yx", "yy")
  dimnames(attr(flat, "var")) <- list(names(flat), names(flat))
  fit <- svycontrast(flat, quote(xy / sqrt(xx * yy)))
  z <- svycontrast(flat, quote(log((1 + xy / sqrt(xx * yy)) /
                                   (1 - xy / sqrt(xx * yy))) / 2))
  margin <- qt(0.975, degf(part)) * SE(z)[1]
  c(one(fit), list(conf = tanh(coef(z)[[1]] + c(-margin, margin))))
}

# Totals of linearised values: the joint covariance over groups that share clusters.
joint <- function(part, influence) {
  z <- sapply(ages, function(age) {
    inside <- part$variables$age_group == age
    ifelse(inside, influence(part$variables, weights(part), inside), 0)
  })
  unname(vcov(svytotal(z, part)))
}
mean_of <- function(y, w, inside) sum((w * y)[inside]) / sum(w[inside])

cases <- lapply(designs, function(design) {
  part <- both(design)
  trust <- design[!is.na(d$trust), ]
  each <- function(make, part, variable, groups)
    lapply(groups, function(g) make(part[part$variables[[variable]] == g, ]))
  ratio <- function(part) {
    fit <- svyratio(~items, ~trust, part, deff = "replace")
    list(estimate = as.vector(fit$ratio), std_error = as.vector(SE(fit)),
         deff = as.vector(attr(fit, "deff")))
  }
  variance <- function(part) one(svyvar(~trust, part))
  list(
    ratio = ratio(part),
    ratio_urban = ratio(part[part$variables$urban, ]),
    ratio_by = each(ratio, part, "country", countries),
    ratio_joint = joint(part, function(v, w, inside) {
      r <- sum((w * v$items)[inside]) / sum((w * v$trust)[inside])
      (v$items - r * v$trust) / sum((w * v$trust)[inside])
    }),
    variance = variance(trust),
    variance_urban = variance(trust[trust$variables$urban, ]),
    variance_by = each(variance, trust, "country", countries),
    variance_joint = joint(trust, function(v, w, inside) {
      n <- sum(inside)
      square <- (v$trust - mean_of(v$trust, w, inside))^2 * n / (n - 1)
      (square - mean_of(square, w, inside)) / sum(w[inside])
    }),
    correlation = correlation(part),
    correlation_urban = correlation(part[part$variables$urban, ]),
    correlation_by = each(correlation, part, "country", countries),
    correlation_joint = joint(part, function(v, w, inside) {
      standard <- function(y) {
        y <- y - mean_of(y, w, inside)
        y / sqrt(mean_of(y^2, w, inside))
      }
      a <- standard(v$items)
      b <- standard(v$trust)
      r <- mean_of(a * b, w, inside)
      (a * b - r * (a^2 + b^2) / 2) / sum(w[inside])
    })
  )
})

# The same through replicate weights: the jackknife by clusters within strata.
jackknife <- as.svrepdesign(designs$complex, type = "JKn", mse = TRUE)
replicates <- list(
  ratio = one(svyratio(~items, ~trust, both(jackknife))),
  variance = one(svyvar(~trust, jackknife[!is.na(d$trust), ])))
replicates$variance <- lapply(replicates$variance, as.vector)

# Weights fitted to counts of age by gender within countries.
counts <- read.csv(file.path(here, "..", "data", "population.csv"),
                   stringsAsFactors = FALSE)
counts <- counts[counts$age_group != "", c("country", "age_group", "gender", "population")]
counts$Freq <- with(counts, population / ave(population, country, FUN = sum) *
                      tapply(d$design_weight, d$country, sum)[country])
fitted <- postStratify(designs$complex, ~country + age_group + gender, counts[, -4])
# Subsets of such designs keep every row, with weight zero, and with it what is missing.
fitted$variables[c("items", "trust")] <- lapply(
  fitted$variables[c("items", "trust")], function(y) replace(y, is.na(y), 0))

fitted_both <- fitted[!is.na(d$items) & !is.na(d$trust), ]
poststratified <- list(
  ratio = one(svyratio(~items, ~trust, fitted_both)),
  variance = one(svyvar(~trust, fitted[!is.na(d$trust), ])),
  correlation = correlation(fitted_both))
poststratified$ratio <- lapply(poststratified$ratio, as.vector)

means <- svyby(~trust, ~age_group, designs$complex[!is.na(d$trust), ], svymean,
               covmat = TRUE)
names <- setNames(c("young", "middle", "old"), ages)
fit <- structure(setNames(coef(means), names), var = vcov(means), class = "svystat",
                 statistic = "mean")
dimnames(attr(fit, "var")) <- list(unname(names), unname(names))
with_covariance <- function(fit) list(estimate = unname(coef(fit)),
                                      covariance = unname(vcov(fit)))
contrasts <- list(
  one = with_covariance(svycontrast(fit, c(young = 1, middle = -0.5, old = -0.5))),
  several = with_covariance(svycontrast(fit, list(
    a = c(young = 1, middle = -1), b = c(young = 0.2, middle = 0.3, old = 0.5)))),
  log_ratio = with_covariance(svycontrast(fit, quote(log(young / old)))),
  functions = with_covariance(svycontrast(fit, list(
    a = quote(exp(-young) * sqrt(old)), b = quote(middle^2 / (young + old)))))
)

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  cases = cases, replicates = replicates,
  poststratified = poststratified, contrasts = contrasts
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "functions.json"))
