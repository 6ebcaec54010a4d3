# Raking and poststratification of tests/analysis/data/survey.csv by R survey.
# Writes weighting.json beside this script: Rscript tests/analysis/references/weighting.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE,
              na.strings = c("", "NA"))
margins <- read.csv(file.path(here, "..", "data", "population.csv"),
                    stringsAsFactors = FALSE, na.strings = "")
d$asked <- ifelse(is.na(d$education_asked), "none", d$education_asked)
size <- tapply(d$design_weight, d$country, sum)

# Counts as shares of each country's sum of design weights.
targets <- function(rows, columns) {
  table <- rows[, c("country", columns, "population")]
  of <- table$country
  table$Freq <- table$population / tapply(table$population, of, sum)[of] * size[of]
  table$population <- NULL
  table
}
age_gender <- targets(margins[!is.na(margins$age_group), ], c("age_group", "gender"))
education <- targets(margins[!is.na(margins$education), ], "education")

# Those without an answer keep their design-weighted share.
asked <- education
names(asked)[2] <- "asked"
none <- tapply(d$design_weight * (d$asked == "none"), d$country, sum)
asked$Freq <- asked$Freq * (1 - none / size)[asked$country]
asked <- rbind(asked, data.frame(country = names(none), asked = "none",
                                 Freq = as.vector(none)))

design <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)
finite <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                    data = d)
exactly <- list(maxit = 1000, epsilon = 1e-14)
both <- list(~country + age_group + gender, ~country + education)
raked <- rake(design, both, list(age_gender, education), exactly)

designs <- list(
  rake = raked,
  rake_finite = rake(finite, both, list(age_gender, education), exactly),
  rake_one = rake(design, both[1], list(age_gender), exactly),
  rake_keep = rake(design, list(~country + age_group + gender, ~country + asked),
                   list(age_gender, asked), exactly),
  poststratify = postStratify(design, ~country + age_group + gender, age_gender))

cases <- lapply(designs, function(design) {
  fit <- svymean(~trust, design, na.rm = TRUE, deff = "replace")
  total <- svytotal(~aware, design, na.rm = TRUE)
  domain <- svymean(~trust, subset(design, urban == "True"), na.rm = TRUE)
  share <- svymean(~approval, design, na.rm = TRUE)
  list(
    weights = unname(weights(design)),
    mean = list(estimate = unname(coef(fit)), std_error = unname(SE(fit)),
                deff = unname(deff(fit))),
    total = list(estimate = unname(coef(total)), std_error = unname(SE(total))),
    domain = list(estimate = unname(coef(domain)), std_error = unname(SE(domain))),
    by = list(
      estimate = svyby(~trust, ~country, design, svymean, na.rm = TRUE)$trust,
      std_error = unname(SE(svyby(~trust, ~country, design, svymean, na.rm = TRUE)))),
    # Groups that cut across the countries and their margins.
    by_age = list(
      estimate = svyby(~trust, ~age_group, design, svymean, na.rm = TRUE)$trust,
      std_error = unname(SE(svyby(~trust, ~age_group, design, svymean, na.rm = TRUE)))),
    shares = list(estimate = unname(coef(share)), covariance = unname(vcov(share))))
})

# Residuals as if their respondent had not been there and the others of the stratum
# stood in: the leverage of the respondent less what they give back.
jackknifed <- function(design, margins, regression_weights) {
  w <- weights(design)
  answered <- !is.na(d$trust)
  mean <- sum((w * d$trust)[answered]) / sum(w[answered])
  d$influence <- ifelse(answered, (d$trust - mean) / sum(w[answered]), 0)
  d$each <- regression_weights
  fit <- lm(update(margins, influence ~ .), d, weights = each)
  x <- model.matrix(margins, d)
  solved <- solve(crossprod(x * sqrt(d$each)), t(x))
  leverage <- colSums(t(x) * solved)
  stopifnot(all.equal(unname(d$each * leverage), unname(hatvalues(fit))))
  left <- rep(1, nrow(d))
  for (inside in split(seq_len(nrow(d)), d$stratum)) {
    n <- length(inside)
    others <- crossprod(x[inside, ] * sqrt(d$each[inside])) / n
    returned <- colSums(solved * (others %*% solved)) / leverage
    left[inside] <- 1 - (d$each * leverage - returned)[inside] * n / (n - 1)
  }
  sqrt(drop(svyrecvar(as.matrix(w * residuals(fit) / left), design$cluster,
                      design$strata, design$fpc)))
}
cases$rake$jackknife <- jackknifed(
  raked, ~ country * age_group * gender + country * education, 1)
cases$poststratify$jackknife <- jackknifed(
  designs$poststratify, ~ country * age_group * gender, d$design_weight)

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")), cases = cases
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "weighting.json"))
