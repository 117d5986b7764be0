//! What `#[tool]` makes of a function.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, ExprLit, ItemFn, Lit, Meta, ReturnType, Type};

use crate::options::{Options, at};
use crate::parameter::Parameter;

pub(crate) fn expand(options: &Options, mut function: ItemFn) -> syn::Result<TokenStream> {
    check(&function)?;
    let mut parameters = Vec::new();
    let mut failed: Option<syn::Error> = None;
    for parameter in &mut function.sig.inputs {
        match (Parameter::read(parameter), &mut failed) {
            (Ok(parameter), _) => parameters.push(parameter),
            (Err(error), Some(before)) => before.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    let (docs, others): (Vec<_>, Vec<_>) = std::mem::take(&mut function.attrs)
        .into_iter()
        .partition(|attribute| attribute.path().is_ident("doc"));
    let description = options.description.as_ref().map_or_else(|| text(&docs), syn::LitStr::value);
    if description.is_empty() {
        let message =
            "a tool needs a description, by which the model decides when to call it: write a doc comment";
        let missing = at(function.sig.ident.span(), message);
        match &mut failed {
            Some(before) => before.combine(missing),
            none => *none = Some(missing),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }

    let agent = options.agent();
    let private = quote!(#agent::__private);
    let visibility = std::mem::replace(&mut function.vis, syn::parse_quote!(pub));
    let ident = function.sig.ident.clone();
    let name = options.name.as_ref().map_or_else(|| unraw(&ident), syn::LitStr::value);
    let policy = options.policy(&agent);
    let is_async = function.sig.asyncness.is_some();
    let is_result = is_result(&function.sig.output);
    function.sig.ident = syn::Ident::new("run", ident.span());

    let fields = parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Argument { attributes, name, r#type } => Some(quote!(#(#attributes)* #name: #r#type)),
        Parameter::Context { .. } => None,
    });
    let names = parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Argument { name, .. } => Some(name),
        Parameter::Context { .. } => None,
    });
    let given = parameters.iter().map(|parameter| match parameter {
        Parameter::Argument { name, .. } => name.to_token_stream(),
        Parameter::Context { is_reference: true, .. } => quote!(&__context),
        Parameter::Context { is_reference: false, .. } => quote!(::core::clone::Clone::clone(&__context)),
    });
    let serde = quote!(#private::serde).to_string();
    let schemars = quote!(#private::schemars).to_string();
    let run = quote!(#ident::run(#(#given),*));
    let settle = |answer: TokenStream| match &function.sig.output {
        _ if is_result => {
            let value = quote!((#answer).map_err(#agent::ToolError::from_error)?);
            quote!(#agent::IntoToolOutput::into_tool_output(#value))
        }
        // what is wrong with the type of the answer is told where the type stands
        ReturnType::Type(_, output) => quote!(<#output as #agent::IntoToolOutput>::into_tool_output(#answer)),
        ReturnType::Default => quote!(<() as #agent::IntoToolOutput>::into_tool_output(#answer)),
    };
    let call = if is_async {
        settle(quote!(#run.await))
    } else {
        let settled = settle(run);
        quote!(#private::run_blocking(move || #settled).await)
    };

    Ok(quote! {
        #(#docs)*
        #[allow(non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug, ::core::default::Default)]
        #visibility struct #ident;

        #[allow(clippy::unused_async)]
        impl #ident {
            /// The function itself.
            #(#others)*
            #function
        }

        const _: () = {
            #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
            #[serde(crate = #serde)]
            #[schemars(crate = #schemars)]
            struct __Arguments {
                #(#fields,)*
            }

            impl #agent::Tool for #ident {
                fn spec(&self) -> #private::ToolSpec {
                    #private::spec_of::<__Arguments>(#name, #description)
                }

                fn policy(&self) -> #agent::ToolPolicy {
                    #policy
                }

                #[allow(unused_variables)]
                async fn call(
                    &self,
                    __arguments: #private::Value,
                    __context: #agent::Context,
                ) -> ::core::result::Result<#agent::ToolOutput, #agent::ToolError> {
                    let __Arguments { #(#names),* } = #private::arguments_of(__arguments)?;
                    #call
                }
            }
        };
    })
}

/// What no tool can be.
fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        let message =
            "a tool has no type parameters or lifetimes: its schema is made of its parameters' types";
        return Err(at(signature.generics.span(), message));
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        return Err(at(token.span(), "a tool that a model may call is safe to call"));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(at(variadic.span(), "a tool's parameters are named one by one"));
    }
    if let ReturnType::Type(_, output) = &signature.output
        && let Type::ImplTrait(it) = &**output
    {
        return Err(at(it.span(), "a tool's answer needs a type of its own"));
    }
    Ok(())
}

/// Whether a function returns a `Result`, by whatever path or alias.
fn is_result(output: &ReturnType) -> bool {
    let ReturnType::Type(_, output) = output else { return false };
    let Type::Path(path) = &**output else { return false };
    path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result"))
}

/// A doc comment as text: lines joined as written, without the space that begins each.
fn text(docs: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').map(str::to_owned).unwrap_or(text))
            }
            _ => None,
        },
        _ => None,
    };
    docs.iter().filter_map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn unraw(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}
